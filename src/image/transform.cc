// The official transform's geometry and arithmetic. Source: Cobra's DinoSigLIPImageTransform and
// LetterboxPad, and torchvision's Resize, CenterCrop, ToTensor and Normalize.
#include "image/transform.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/fail.h"
#include "image/resample.h"

namespace cobra {
namespace {

// What one resize may produce; a size out of a hostile configuration must not allocate without bound.
constexpr int64_t kMaxOutputPixels = ImageLimits{}.max_pixels;

void check_image(const Image& image) {
  check(image.width > 0 && image.height > 0, "image: expected a picture, found {} x {} pixels", image.width,
        image.height);
  check(static_cast<int64_t>(image.pixels.size()) == int64_t{image.width} * image.height * 3,
        "image: expected {} x {} x 3 bytes, found {}", image.width, image.height, image.pixels.size());
}

void check_output_size(int width, int height) {
  check(width > 0 && height > 0 && width <= kMaxOutputPixels / height,
        "image: cannot resize to {} x {} pixels, expected 1 to {} pixels", width, height, kMaxOutputPixels);
}

/// The canvas squared by equal margins, each half the difference rounded down: an odd difference leaves it
/// one off square.
Canvas letterbox(const Image& image, std::array<uint8_t, 3> fill) {
  const int64_t longest = std::max(image.width, image.height);
  const int64_t left = (longest - image.width) / 2;
  const int64_t top = (longest - image.height) / 2;
  return {image, left, top, image.width + 2 * left, image.height + 2 * top, fill};
}

/// Where CenterCrop starts: half of `excess`, a tie rounded to the even number as Python's round() does.
int64_t crop_start(int64_t excess) {
  const int64_t half = excess / 2;
  return excess % 2 == 0 ? half : half + half % 2;
}

/// The short edge scaled to `size`, the long one in proportion and rounded down, then the centre.
Crop scale_short_edge_and_crop(int64_t width, int64_t height, int64_t size) {
  const auto scaled = [&](int64_t edge, int64_t other) {
    if (edge <= other) return size;
    // The quotient as Python computes it: one rounding to double, then truncation.
    return static_cast<int64_t>(static_cast<double>(size * edge) / static_cast<double>(other));
  };
  const int64_t scaled_width = scaled(width, height);
  const int64_t scaled_height = scaled(height, width);
  return {scaled_width, scaled_height, crop_start(scaled_width - size), crop_start(scaled_height - size),
          size,         size};
}

uint8_t fill_level(float mean) {
  check(mean >= 0 && mean <= 1, "image: expected a channel mean between 0 and 1, found {}", mean);
  return static_cast<uint8_t>(static_cast<double>(mean) * 255);
}

}  // namespace

Image resize_bicubic(const Image& image, int width, int height) {
  check_image(image);
  check_output_size(width, height);
  if (width == image.width && height == image.height) return image;
  return resample_bicubic({image, 0, 0, image.width, image.height, {}}, {width, height, 0, 0, width, height});
}

ResizeStrategy parse_resize_strategy(std::string_view text) {
  for (const auto strategy :
       {ResizeStrategy::resize_naive, ResizeStrategy::resize_crop, ResizeStrategy::letterbox}) {
    if (text == name(strategy)) return strategy;
  }
  fail("image resize strategy: expected resize-naive, resize-crop or letterbox, found \"{}\"",
       printable(text));
}

std::string_view name(ResizeStrategy strategy) {
  switch (strategy) {
    case ResizeStrategy::resize_naive:
      return "resize-naive";
    case ResizeStrategy::resize_crop:
      return "resize-crop";
    case ResizeStrategy::letterbox:
      return "letterbox";
  }
  return "unknown";
}

Image resize_to_square(const Image& image, int size, ResizeStrategy strategy, std::array<uint8_t, 3> fill) {
  check_image(image);
  check_output_size(size, size);
  if (strategy == ResizeStrategy::resize_naive) return resize_bicubic(image, size, size);
  const Canvas canvas = strategy == ResizeStrategy::letterbox
                            ? letterbox(image, fill)
                            : Canvas{image, 0, 0, image.width, image.height, {}};
  return resample_bicubic(canvas, scale_short_edge_and_crop(canvas.width, canvas.height, size));
}

void normalize(const Image& image, const Normalization& normalization, TensorView<float> pixel_values) {
  check_image(image);
  const int64_t pixels = int64_t{image.width} * image.height;
  check(pixel_values.rows == 3 && pixel_values.cols == pixels,
        "pixel_values: expected [3, {}], found [{}, {}]", pixels, pixel_values.rows, pixel_values.cols);
  for (size_t c = 0; c < 3; ++c) {
    std::array<float, 256> value_of_byte;
    for (int byte = 0; byte < 256; ++byte) {
      value_of_byte[byte] =
          (static_cast<float>(byte) / 255.0f - normalization.mean[c]) / normalization.std[c];
    }
    float* out = pixel_values.row(static_cast<int64_t>(c));
    for (int64_t i = 0; i < pixels; ++i) out[i] = value_of_byte[image.pixels[3 * i + c]];
  }
}

void preprocess(const Image& image, int size, ResizeStrategy strategy, const Normalization& normalization,
                TensorView<float> pixel_values) {
  std::array<uint8_t, 3> fill{};
  if (strategy == ResizeStrategy::letterbox) {
    std::transform(normalization.mean.begin(), normalization.mean.end(), fill.begin(), fill_level);
  }
  normalize(resize_to_square(image, size, strategy, fill), normalization, pixel_values);
}

}  // namespace cobra
