// Fuzz target of picture decoding and of the transform. An input that starts with "data:" is a data URI.
#include <cstdlib>

#include "cobra/error.h"
#include "image/transform.h"

namespace {

constexpr cobra::ImageLimits kLimits{int64_t{1} << 20, int64_t{1} << 13};
constexpr cobra::Normalization kNormalization{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};

cobra::Image decode(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with("data:")) return cobra::Image::open(bytes, kLimits);
  return cobra::Image::decode(std::as_bytes(std::span(bytes)), "input", kLimits);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const cobra::Image image = decode(data, size);
    const int64_t pixels = int64_t{image.width} * image.height;
    if (pixels > kLimits.max_pixels || static_cast<int64_t>(image.pixels.size()) != 3 * pixels) std::abort();
    const int side = 1 + static_cast<int>(size % 40);
    std::vector<float> values(static_cast<size_t>(3 * side * side));
    for (const char* strategy : {"resize-naive", "resize-crop", "letterbox"}) {
      cobra::preprocess(image, side, cobra::parse_resize_strategy(strategy), kNormalization,
                        {values.data(), 3, int64_t{side} * side});
    }
  } catch (const cobra::Error&) {
  }
  return 0;
}
