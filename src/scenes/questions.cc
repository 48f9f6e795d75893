#include "scenes/questions.h"

#include <algorithm>

#include "base/fail.h"
#include "scenes/words.h"

namespace cobra::scenes {

Exchange question_about(const Illusion& illusion, SplitMix& random) {
  const bool discs = illusion.kind == IllusionKind::ebbinghaus;
  const std::string_view thing = discs                                  ? "inner circle"
                                 : illusion.kind == IllusionKind::ponzo ? "bar"
                                                                        : "line";
  const std::string_view more = discs ? "larger" : "longer";
  const size_t first = random.below(2);
  const auto colour = [&](size_t i) { return name(illusion.colours[i]); };
  const std::string question = fmt::format("Which {} is {}, the {} one or the {} one, or are they equal?",
                                           thing, more, colour(first), colour(1 - first));
  const std::string type(name(illusion.kind));
  const int larger = illusion.larger();
  if (larger < 0) return {type, question, "equal", fmt::format("The two {}s are equal.", thing)};
  const std::string_view answer = colour(static_cast<size_t>(larger));
  return {type, question, std::string(answer), fmt::format("The {} {} is {}.", answer, thing, more)};
}

std::string caption(const Scene& scene) {
  constexpr std::array<std::string_view, 6> kNumbers = {"no", "one", "two", "three", "four", "five"};
  std::vector<const Object*> ordered;
  for (const Object& object : scene.objects) ordered.push_back(&object);
  std::sort(ordered.begin(), ordered.end(), [](const Object* a, const Object* b) { return a->x < b->x; });
  std::vector<std::string> parts;
  for (const Object* object : ordered) {
    parts.push_back(fmt::format("a {} {} {}", name(object->size), name(object->texture), kind_of(*object)));
  }
  std::string text = fmt::format("There {} {} object{}: ", parts.size() == 1 ? "is" : "are",
                                 kNumbers[parts.size()], parts.size() == 1 ? "" : "s");
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i) text += i + 1 == parts.size() ? " and " : ", ";
    text += parts[i];
  }
  text += ".";
  if (scene.arrangement == Arrangement::apart) return text;
  const Object &first = scene.objects[0], &second = scene.objects[1];
  const std::string a = kind_of(first), b = kind_of(second);
  switch (scene.arrangement) {
    case Arrangement::inside:
      return text + fmt::format(" The {} is inside the {}.", b, a);
    case Arrangement::behind:
      return text + fmt::format(" The {} is behind the {}.", a, b);
    default:
      return text + fmt::format(" The {} touches the {}.", a, b);
  }
}

}  // namespace cobra::scenes
