// Where things are, by rows and columns of the picture and seen from each other, and what they are besides.
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

/// What the objects of a scene are called by: "the red object", "the star" or "the red star".
enum class CalledBy { colour, shape, both };

/// Colours, which are seen first, most often.
CalledBy any_name(SplitMix& random) {
  const double kind = random.uniform(0, 1);
  return kind < 0.45 ? CalledBy::colour : kind < 0.75 ? CalledBy::shape : CalledBy::both;
}

std::string called(const Object& object, CalledBy by) {
  if (by == CalledBy::both) return kind_of(object);
  return by == CalledBy::shape ? std::string(name(object.shape))
                               : fmt::format("{} object", name(object.colour));
}

/// Those that no other object shares its name with, shuffled.
std::vector<const Object*> called_apart(const Scene& scene, CalledBy by, SplitMix& random) {
  std::vector<const Object*> objects = unique_by(scene, [&](const Object& o) { return called(o, by); });
  random.shuffle(objects);
  return objects;
}

/// A property that the name does not tell.
Exchange property_question(const Object& object, CalledBy by, SplitMix& random) {
  const std::string words = called(object, by);
  std::vector<Exchange> choices = {{"place", fmt::format("Where is the {}?", words), cell_words(object), {}},
                                   {"texture", ask_texture_of(words), std::string(name(object.texture)), {}},
                                   {"size", ask_size_of(words), std::string(name(object.size)), {}}};
  if (by == CalledBy::colour)
    choices.push_back(
        {"shape", fmt::format("What shape is the {}?", words), std::string(name(object.shape)), {}});
  if (by == CalledBy::shape)
    choices.push_back(
        {"colour", fmt::format("What color is the {}?", words), std::string(name(object.colour)), {}});
  return choices[std::min(random.below(5), choices.size() - 1)];
}

}  // namespace

std::vector<Exchange> property_questions(const Scene& scene, SplitMix& random) {
  const CalledBy by = any_name(random);
  std::vector<Exchange> exchanges;
  for (const Object* object : called_apart(scene, by, random))
    exchanges.push_back(property_question(*object, by, random));
  return exchanges;
}

std::string properties(const Scene& scene, SplitMix& random) {
  const CalledBy by = any_name(random);
  std::string text;
  for (const Object* object : called_apart(scene, by, random)) {
    const std::string rest = by == CalledBy::colour  ? fmt::format("a {}, ", name(object->shape))
                             : by == CalledBy::shape ? fmt::format("{}, ", name(object->colour))
                                                     : "";
    text += fmt::format("{}The {}: {}{}, {}, {}.", text.empty() ? "" : " ", called(*object, by), rest,
                        name(object->texture), name(object->size), cell_words(*object));
  }
  return text;
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
