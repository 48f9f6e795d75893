// A picture of simple objects as data: what there is, where, and which combinations are kept for testing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/split_mix.h"

namespace cobra::scenes {

enum class Shape : uint8_t { circle, square, triangle, star, cross, heart };
enum class Colour : uint8_t { red, green, blue, yellow, purple, orange, black, white };
enum class Texture : uint8_t { plain, striped, dotted };
enum class Size : uint8_t { small, large };

inline constexpr std::array<std::string_view, 6> kShapeNames = {"circle", "square", "triangle",
                                                                "star",   "cross",  "heart"};
inline constexpr std::array<std::string_view, 8> kColourNames = {"red",    "green",  "blue",  "yellow",
                                                                 "purple", "orange", "black", "white"};
inline constexpr std::array<std::string_view, 3> kTextureNames = {"plain", "striped", "dotted"};
inline constexpr std::array<std::string_view, 2> kSizeNames = {"small", "large"};

inline std::string_view name(Shape shape) { return kShapeNames[static_cast<size_t>(shape)]; }
inline std::string_view name(Colour colour) { return kColourNames[static_cast<size_t>(colour)]; }
inline std::string_view name(Texture texture) { return kTextureNames[static_cast<size_t>(texture)]; }
inline std::string_view name(Size size) { return kSizeNames[static_cast<size_t>(size)]; }

/// Which pictures are made: a training scene has no held-out combination, a test scene has at least one, so
/// that no test scene can have been trained on.
enum class Part { train, test };

/// One combination of shape, colour and texture in nine is held out, every value of each among them.
constexpr bool held_out(Shape shape, Colour colour, Texture texture) {
  return (static_cast<int>(shape) + static_cast<int>(colour) + 3 * static_cast<int>(texture)) % 9 == 0;
}

/// Coordinates are those of a picture of size 1 x 1, y downwards. The object fits into the circle of
/// `radius`.
struct Object {
  Shape shape = Shape::circle;
  Colour colour = Colour::red;
  Texture texture = Texture::plain;
  Size size = Size::small;
  double x = 0, y = 0, radius = 0;

  bool same_kind(const Object& other) const { return shape == other.shape && colour == other.colour; }
};

inline bool held_out(const Object& object) { return held_out(object.shape, object.colour, object.texture); }

/// How the first two objects stand to each other; all other pairs keep a distance that shows.
enum class Arrangement : uint8_t { apart, inside, behind, touching };

/// Objects are drawn in their order. inside: the second lies in the first. behind: the second covers a part
/// of the first. touching: their borders meet.
struct Scene {
  std::vector<Object> objects;  // 1 to kMaxObjects
  Arrangement arrangement = Arrangement::apart;
  int background = 0;  // of kBackgrounds (draw.h)
};

/// Places of pairs that differ by less are neither left of nor right of (above nor below) each other.
inline constexpr double kClearOffset = 0.2;

/// Four fit where they are small; three are what is trained and tested unless asked otherwise.
inline constexpr size_t kMaxObjects = 4, kUsualObjects = 3;

/// A scene of at most `most` objects (1 to kMaxObjects).
Scene make_scene(SplitMix& random, Part part, size_t most = kUsualObjects);

/// Whether a point belongs to a shape of radius 1 around the origin.
bool covers(Shape shape, double x, double y);

}  // namespace cobra::scenes
