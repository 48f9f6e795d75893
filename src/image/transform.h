// From an RGB picture to a tower's input: the official DinoSigLIPImageTransform, bit-exact to Pillow's
// resize.
#pragma once

#include <array>
#include <string_view>

#include "cobra/image.h"
#include "cobra/tensor_view.h"

namespace cobra {

/// Pillow's Image.resize(BICUBIC): antialiased, a = -0.5, horizontal then vertical pass in 8-bit fixed point
/// with 22 fraction bits (source: Pillow's src/libImaging/Resample.c). Bit-exact.
Image resize_bicubic(const Image& image, int width, int height);

enum class ResizeStrategy { resize_naive, resize_crop, letterbox };
/// "resize-naive", "resize-crop", "letterbox"; throws Error otherwise.
ResizeStrategy parse_resize_strategy(std::string_view text);
std::string_view name(ResizeStrategy strategy);

struct Normalization {
  std::array<float, 3> mean;
  std::array<float, 3> std;
};

/// The picture at [size, size] as the strategy makes it. `fill` is the letterbox colour, int(mean * 255) per
/// channel.
Image resize_to_square(const Image& image, int size, ResizeStrategy strategy, std::array<uint8_t, 3> fill);

/// pixel_values [3, size * size]: (x / 255 - mean) / std in float32, in that order of operations.
void normalize(const Image& image, const Normalization& normalization, TensorView<float> pixel_values);

/// Both steps: resize_to_square with the letterbox colour that follows from the mean, then normalize.
void preprocess(const Image& image, int size, ResizeStrategy strategy, const Normalization& normalization,
                TensorView<float> pixel_values);

}  // namespace cobra
