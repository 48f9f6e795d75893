// The decoders behind Image::decode and what they share. Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "cobra/image.h"

namespace cobra {

/// An encoded picture: hostile bytes, the printable name that errors start with, and what it may cost.
struct EncodedImage {
  std::span<const std::byte> bytes;
  std::string source;
  ImageLimits limits;
};

/// A black picture of a size read from a header. Throws Error, before any allocation, on an empty or too
/// large one.
Image allocate_image(int64_t width, int64_t height, const EncodedImage& encoded);

Image decode_jpeg(const EncodedImage& encoded);
Image decode_png(const EncodedImage& encoded);
Image decode_webp(const EncodedImage& encoded);

}  // namespace cobra
