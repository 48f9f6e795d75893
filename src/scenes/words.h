// What the questions about a scene share: how objects are named, and what is said of their places.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "scenes/scene.h"

namespace cobra::scenes {

/// "red star".
inline std::string kind_of(const Object& object) {
  return fmt::format("{} {}", name(object.colour), name(object.shape));
}

/// "an orange star", "a red star".
inline std::string with_article(std::string_view kind) {
  return fmt::format("{} {}", kind.starts_with("orange") ? "an" : "a", kind);
}

template <typename Matches>
size_t count_if(const Scene& scene, const Matches& matches) {
  return static_cast<size_t>(std::count_if(scene.objects.begin(), scene.objects.end(), matches));
}

/// Objects whose `key` (a function of an object) no other has, in the scene's order.
template <typename Key>
std::vector<const Object*> unique_by(const Scene& scene, const Key& key) {
  std::vector<const Object*> unique;
  for (const Object& object : scene.objects) {
    const auto own = key(object);
    if (count_if(scene, [&](const Object& other) { return key(other) == own; }) == 1)
      unique.push_back(&object);
  }
  return unique;
}

/// Objects that "red star" names without doubt.
inline std::vector<const Object*> named_objects(const Scene& scene) {
  return unique_by(scene, [](const Object& object) { return std::pair(object.colour, object.shape); });
}

/// Asked alike in conversations and in look-ups; `words` name the object.
inline std::string ask_texture_of(std::string_view words) {
  return fmt::format("Is the {} plain, striped or dotted?", words);
}
inline std::string ask_size_of(std::string_view words) {
  return fmt::format("Is the {} small or large?", words);
}

/// What can be said of where two things are.
enum class Relation { left_of, right_of, above, below, inside, behind, touching };
inline constexpr std::array<std::string_view, 7> kRelationNames = {"left of", "right of", "above",   "below",
                                                                   "inside",  "behind",   "touching"};
inline std::string_view name(Relation relation) { return kRelationNames[static_cast<size_t>(relation)]; }

/// Whether `a` stands so to `b`; nullopt: neither true nor clearly false. Both are objects of the scene.
std::optional<bool> holds(const Scene& scene, const Object& a, Relation relation, const Object& b);

}  // namespace cobra::scenes
