// Pictures for the tests of this room: files of tests/data, what Pillow makes of them, and comparing.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "cobra/error.h"
#include "cobra/image.h"
#include "formats/safetensors.h"
#include "test_support.h"

namespace cobra::testing {

/// tests/data/image: small pictures of every kind. expected.safetensors there has their pixels under the
/// file's name.
inline std::string fixture(const std::string& name) { return COBRA_SOURCE_DIR "/tests/data/image/" + name; }

inline std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  const SafetensorsFile expected(fixture("expected.safetensors"));
  for (const TensorEntry& tensor : expected.tensors()) names.push_back(tensor.name);
  return names;
}

inline Image decode(std::string_view bytes, const ImageLimits& limits = {}) {
  return Image::decode(std::as_bytes(std::span(bytes)), "picture", limits);
}

/// A U8 tensor [height, width, 3].
inline Image image_of(const SafetensorsFile& file, const std::string& name) {
  const TensorEntry* tensor = file.find(name);
  if (!tensor || tensor->type != DType::u8 || tensor->shape.size() != 3)
    throw Error(name + ": no such picture");
  Image image{static_cast<int>(tensor->shape[1]), static_cast<int>(tensor->shape[0]), {}};
  const auto* first = reinterpret_cast<const uint8_t*>(tensor->bytes.data());
  image.pixels.assign(first, first + tensor->bytes.size());
  return image;
}

inline Image random_image(int width, int height, uint32_t seed) {
  std::mt19937 random(seed);
  Image image{width, height,
              std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height) * 3)};
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(random());
  return image;
}

inline ::testing::AssertionResult same_pixels(const Image& actual, const Image& expected) {
  if (actual.width != expected.width || actual.height != expected.height) {
    return ::testing::AssertionFailure() << "size " << actual.width << " x " << actual.height << ", expected "
                                         << expected.width << " x " << expected.height;
  }
  if (actual.pixels.size() != expected.pixels.size()) {
    return ::testing::AssertionFailure()
           << actual.pixels.size() << " bytes, expected " << expected.pixels.size();
  }
  for (size_t i = 0; i < actual.pixels.size(); ++i) {
    if (actual.pixels[i] == expected.pixels[i]) continue;
    const size_t pixel = i / 3, width = static_cast<size_t>(actual.width);
    return ::testing::AssertionFailure()
           << "channel " << i % 3 << " at (" << pixel % width << ", " << pixel / width << ") is "
           << int{actual.pixels[i]} << ", expected " << int{expected.pixels[i]};
  }
  return ::testing::AssertionSuccess();
}

}  // namespace cobra::testing
