// Geometric illusions, which look longer or larger than they are, and pictures like them in which they are.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scenes/scene.h"

namespace cobra::scenes {

/// mueller_lyer: two lines whose ends carry fins outwards or inwards. ponzo: two bars between lines that
/// meet. ebbinghaus: two discs among large or among small ones.
enum class IllusionKind : uint8_t { mueller_lyer, ponzo, ebbinghaus };
inline constexpr std::array<std::string_view, 3> kIllusionNames = {"mueller-lyer", "ponzo", "ebbinghaus"};
inline std::string_view name(IllusionKind kind) { return kIllusionNames[static_cast<size_t>(kind)]; }

struct Illusion {
  IllusionKind kind = IllusionKind::mueller_lyer;
  std::array<Colour, 2> colours{};  // of the two that are compared; they differ
  std::array<double, 2> sizes{};    // their lengths or diameters; equal, or the larger by kLeastRatio or more
  bool second_surrounded = false;   // which of the two the surroundings make look larger
  double x = 0, y = 0;              // how far the whole is moved
  int background = 0;

  /// -1: equal; 0 or 1: which is larger.
  int larger() const { return sizes[0] == sizes[1] ? -1 : sizes[1] > sizes[0]; }
};

/// One picture in three has equal sizes.
inline constexpr double kLeastRatio = 1.25;

/// A test illusion has a pair of colours that no training illusion of its kind has.
Illusion make_illusion(SplitMix& random, Part part);

/// RGB pixels of `pixels` x `pixels`.
std::vector<uint8_t> draw(const Illusion& illusion, int pixels);

}  // namespace cobra::scenes
