// Pictures to PNG files in memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace cobra {

/// Eight-bit pixels, rows top to bottom; `channels` is 1 (grey) or 3 (RGB).
struct PixelView {
  int64_t width;
  int64_t height;
  int channels;
  std::span<const uint8_t> pixels;
};

/// The bytes of a PNG file, the same for the same pixels (and the same libpng and zlib): it holds no time.
/// Throws Error when the number of pixels does not fit the size.
std::string encode_png(const PixelView& picture);

}  // namespace cobra
