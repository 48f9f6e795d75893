// What holds between two objects of a scene, clearly, clearly not, or neither.
#include <cmath>

#include "scenes/words.h"

namespace cobra::scenes {
namespace {

/// The two objects of the scene's arrangement.
bool is_pair(const Scene& scene, const Object& first, const Object& second) {
  return &first == &scene.objects[0] && &second == &scene.objects[1];
}

}  // namespace

std::optional<bool> holds(const Scene& scene, const Object& a, Relation relation, const Object& b) {
  const auto clearly = [](double offset) -> std::optional<bool> {
    if (std::abs(offset) < kClearOffset) return std::nullopt;
    return offset > 0;
  };
  const Arrangement arrangement = scene.arrangement;
  switch (relation) {
    case Relation::left_of:
      return clearly(b.x - a.x);
    case Relation::right_of:
      return clearly(a.x - b.x);
    case Relation::above:
      return clearly(b.y - a.y);
    case Relation::below:
      return clearly(a.y - b.y);
    case Relation::inside:
      return arrangement == Arrangement::inside && is_pair(scene, b, a);
    case Relation::behind:
      return arrangement == Arrangement::behind && is_pair(scene, a, b);
    case Relation::touching:
      if (!is_pair(scene, a, b) && !is_pair(scene, b, a)) return false;
      if (arrangement == Arrangement::apart || arrangement == Arrangement::touching) {
        return arrangement == Arrangement::touching;
      }
      return std::nullopt;  // one covers a part of the other: a matter of words
  }
  return std::nullopt;
}

}  // namespace cobra::scenes
