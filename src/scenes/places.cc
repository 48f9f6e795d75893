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
  const auto named = named_objects(scene);
  for (const Object* a : named) {
    const std::string kind = kind_of(*a);
    exchanges.push_back({"place", fmt::format("Where is the {}?", kind), cell_words(*a), {}});
    for (const Object* b : named) {
      const std::string words = a == b ? "" : seen_from(scene, *a, *b);
      if (words.empty()) continue;
      exchanges.push_back(
          {"place", fmt::format("Where is the {}, seen from the {}?", kind, kind_of(*b)), words, {}});
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
    text += fmt::format("{}{}: a {} {} {}.", text.empty() ? "" : " ", cell, name(object->size),
                        name(object->texture), kind_of(*object));
  }
  return text;
}

}  // namespace cobra::scenes
