#include <algorithm>

#include "base/fail.h"
#include "scenes/questions.h"
#include "scenes/words.h"

namespace cobra::scenes {
namespace {

struct Pair {
  const Object *a, *b;
  Relation relation;
};

std::vector<Pair> pairs_where(const Scene& scene, bool truth) {
  const auto named = named_objects(scene);
  std::vector<Pair> pairs;
  for (const Object* a : named) {
    for (const Object* b : named) {
      for (size_t r = 0; a != b && r < kRelationNames.size(); ++r) {
        const auto relation = static_cast<Relation>(r);
        if (holds(scene, *a, relation, *b) == truth) pairs.push_back({a, b, relation});
      }
    }
  }
  return pairs;
}

/// inside, behind and touching hold for one pair at most and are false of all others: they are taken about as
/// often in statements that hold as in those that do not, or the relation would give the answer away.
const Pair& choose(const Scene& scene, const std::vector<Pair>& pairs, SplitMix& random) {
  const bool special = scene.arrangement != Arrangement::apart && random.chance(0.5);
  std::vector<const Pair*> chosen;
  for (const Pair& pair : pairs) {
    const bool is_special = pair.relation >= Relation::inside;
    const auto own = static_cast<Relation>(static_cast<size_t>(Relation::inside) +
                                           static_cast<size_t>(scene.arrangement) - 1);
    if (special ? pair.relation == own : !is_special) chosen.push_back(&pair);
  }
  return chosen.empty() ? pairs[random.below(pairs.size())] : *chosen[random.below(chosen.size())];
}

/// Adds a statement about one of `pairs` that was not made before, if it can be found.
void add_statement(const Scene& scene, const std::vector<Pair>& pairs, bool truth, SplitMix& random,
                   std::vector<Statement>& made) {
  const Pair& pair = choose(scene, pairs, random);
  const std::string subject = kind_of(*pair.a), object = kind_of(*pair.b);
  std::string caption = fmt::format("The {} is {} the {}.", subject, name(pair.relation), object);
  const auto same = [&](const Statement& other) { return other.caption == caption; };
  if (std::any_of(made.begin(), made.end(), same)) return;
  made.push_back({std::move(caption), subject, object, std::string(name(pair.relation)), truth});
}

}  // namespace

std::vector<Statement> statements(const Scene& scene, size_t count, SplitMix& random) {
  const std::vector<Pair> both[] = {pairs_where(scene, false), pairs_where(scene, true)};
  std::vector<Statement> made;
  if (both[0].empty() || both[1].empty()) return made;
  for (size_t i = 0; i < count; ++i) {
    const bool truth = random.chance(0.5);
    add_statement(scene, both[truth], truth, random, made);
  }
  return made;
}

}  // namespace cobra::scenes
