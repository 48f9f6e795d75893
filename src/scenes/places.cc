// Where things are: by rows and columns of the picture, and seen from each other.
#include <algorithm>
#include <utility>

#include "base/fail.h"
#include "scenes/questions.h"
#include "scenes/words.h"

namespace cobra::scenes {
namespace {

constexpr int kCells =
    static_cast<int>(1 / kClearOffset);  // rows, and columns: as fine as left and right are told

using Cell = std::pair<int, int>;  // row, column, from 1

Cell cell_of(const Object& object) {
  const auto part = [](double at) { return 1 + std::clamp(static_cast<int>(at * kCells), 0, kCells - 1); };
  return {part(object.y), part(object.x)};
}

std::string cell_words(const Object& object) {
  const auto [row, column] = cell_of(object);
  return fmt::format("row {}, column {}", row, column);
}

/// What holds of `a` seen from `b`: "behind it, left of it".
std::string seen_from(const Scene& scene, const Object& a, const Object& b) {
  constexpr Relation kOrder[] = {Relation::inside,   Relation::behind, Relation::touching, Relation::left_of,
                                 Relation::right_of, Relation::above,  Relation::below};
  std::string words;
  for (const Relation relation : kOrder) {
    if (holds(scene, a, relation, b) == true) {
      words += fmt::format("{}{} it", words.empty() ? "" : ", ", name(relation));
    }
  }
  return words;
}

}  // namespace

std::vector<Exchange> place_questions(const Scene& scene, SplitMix& random) {
  std::vector<Exchange> exchanges;
  for (const Object* object : named_objects(scene)) {
    exchanges.push_back({"place", fmt::format("Where is the {}?", kind_of(*object)), cell_words(*object), {}});
  }
  random.shuffle(exchanges);
  return exchanges;
}

std::vector<Exchange> direction_questions(const Scene& scene, SplitMix& random) {
  std::vector<Exchange> exchanges;
  auto named = named_objects(scene);
  random.shuffle(named);
  for (size_t i = 0; i < named.size(); ++i) {
    for (size_t k = i + 1; k < named.size(); ++k) {
      const Object &a = *named[i], &b = *named[k];
      const std::string words = seen_from(scene, a, b);
      if (words.empty()) continue;
      exchanges.push_back({"direction",
                           fmt::format("Where is the {}, seen from the {}?", kind_of(a), kind_of(b)),
                           words,
                           {}});
    }
  }
  random.shuffle(exchanges);
  return exchanges;
}

std::string places(const Scene& scene) {
  std::vector<const Object*> ordered;
  for (const Object& object : scene.objects) ordered.push_back(&object);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Object* a, const Object* b) {
    return std::pair(cell_of(*a), a->x) < std::pair(cell_of(*b), b->x);
  });
  std::string text;
  for (const Object* object : ordered) {
    std::string cell = cell_words(*object);
    cell[0] = 'R';
    text += fmt::format("{}{}: a {}, {}, {}, {}.", text.empty() ? "" : " ", cell, name(object->shape),
                        name(object->colour), name(object->texture), name(object->size));
  }
  return text;
}

}  // namespace cobra::scenes
