// Bicubic resize of a picture that may stand inside a margin, computing only the part that is wanted.
// Internal to the room; transform.h has the public functions.
#pragma once

#include <array>
#include <cstdint>

#include "cobra/image.h"

namespace cobra {

/// A picture at (left, top) of a width x height canvas that is `fill` elsewhere. The margin is never stored,
/// so that padding a very long picture to a square costs nothing.
struct Canvas {
  const Image& image;
  int64_t left = 0;
  int64_t top = 0;
  int64_t width = 0;
  int64_t height = 0;
  std::array<uint8_t, 3> fill{};
};

/// The canvas is scaled to scaled_width x scaled_height; only the window of width x height at (left, top) is
/// computed.
struct Crop {
  int64_t scaled_width = 0;
  int64_t scaled_height = 0;
  int64_t left = 0;
  int64_t top = 0;
  int64_t width = 0;
  int64_t height = 0;
};

/// What Pillow gives for pad, resize(BICUBIC) and crop, bit for bit. Sizes are trusted: positive, the window
/// inside. Memory beyond the result: the weights, and the result's rows that one row of the picture reaches.
Image resample_bicubic(const Canvas& canvas, const Crop& crop);

}  // namespace cobra
