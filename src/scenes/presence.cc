#include "base/fail.h"
#include "scenes/questions.h"
#include "scenes/words.h"

namespace cobra::scenes {
namespace {

bool is_there(const Scene& scene, const Object& kind) {
  return count_if(scene, [&](const Object& o) { return o.same_kind(kind); }) > 0;
}

Object any_kind(SplitMix& random) {
  Object kind;
  kind.shape = static_cast<Shape>(random.below(kShapeNames.size()));
  kind.colour = static_cast<Colour>(random.below(kColourNames.size()));
  return kind;
}

/// A combination that the scene does not have.
Object absent_kind(const Scene& scene, Absent absent, SplitMix& random) {
  constexpr int kTries = 60;
  const auto one = [&]() -> const Object& { return scene.objects[random.below(scene.objects.size())]; };
  for (int i = 0;; ++i) {
    Object kind = any_kind(random);
    const bool similar = i < kTries;  // a scene may have nothing that is similar and absent
    if (similar && absent != Absent::random) kind.shape = one().shape;
    if (similar && absent == Absent::adversarial) kind.colour = one().colour;
    if (!is_there(scene, kind)) return kind;
  }
}

Presence presence_of(const Object& kind, bool truth, SplitMix& random) {
  const std::string object = kind_of(kind);
  return {
      object,
      fmt::format("Is there {} in the {}?", with_article(object), random.chance(0.8) ? "image" : "picture"),
      truth};
}

}  // namespace

std::vector<Presence> presence(const Scene& scene, Absent absent, SplitMix& random) {
  const Object& there = scene.objects[random.below(scene.objects.size())];
  std::vector<Presence> made = {presence_of(there, true, random),
                                presence_of(absent_kind(scene, absent, random), false, random)};
  random.shuffle(made);
  return made;
}

}  // namespace cobra::scenes
