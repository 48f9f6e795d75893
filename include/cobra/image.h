// Pictures: decoding from files, memory and data URIs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cobra {

/// What a picture may cost at most. A picture above a limit is refused before its pixels are allocated, and
/// so is one with a side of more than 65535 pixels.
struct ImageLimits {
  int64_t max_bytes = int64_t{64} << 20;    // encoded size
  int64_t max_pixels = int64_t{100} << 20;  // width x height
};

/// An 8-bit RGB picture, rows top to bottom, `pixels` [height, width, 3]. A plain value: copy and move as you
/// like.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;

  /// Decodes JPEG, PNG or WebP, told by content. The conversion to RGB is that of Pillow's convert("RGB"):
  /// alpha is dropped, palettes and grey are expanded, 16-bit PNG as Pillow reads it, CMYK JPEG as Pillow
  /// converts it; EXIF orientation is ignored, as the official Cobra code ignores it. Throws Error naming
  /// `source` and what is wrong with it.
  static Image decode(std::span<const std::byte> encoded, const std::string& source = "image",
                      const ImageLimits& limits = {});
  /// A file. Throws Error naming the path.
  static Image load(const std::string& path, const ImageLimits& limits = {});
  /// A file path or a "data:image/...;base64,..." URI.
  static Image open(const std::string& path_or_data_uri, const ImageLimits& limits = {});
};

}  // namespace cobra
