// Tests of the transform: bit-exact to the official one, its geometry at the edges, and its errors.
#include "image/transform.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "image/resample.h"
#include "image/test_pictures.h"
#include "reference.h"

namespace cobra {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::random_image;
using testing::same_pixels;

using Fill = std::array<uint8_t, 3>;

constexpr Normalization kDino{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
constexpr Normalization kSiglip{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};
constexpr Fill kDinoFill{123, 116, 103};
constexpr Fill kSiglipFill{127, 127, 127};
constexpr Fill kNoFill{};

Image uniform(int width, int height, Fill colour) {
  Image image{width, height, {}};
  for (int i = 0; i < width * height; ++i)
    image.pixels.insert(image.pixels.end(), colour.begin(), colour.end());
  return image;
}

Image part_of(const Image& image, int left, int top, int width, int height) {
  Image part{width, height, {}};
  for (int y = top; y < top + height; ++y) {
    const auto row = image.pixels.begin() + (y * image.width + left) * 3;
    part.pixels.insert(part.pixels.end(), row, row + width * 3);
  }
  return part;
}

Image padded(const Image& image, int left, int top, int width, int height, Fill fill) {
  Image canvas = uniform(width, height, fill);
  for (int y = 0; y < image.height; ++y) {
    std::copy_n(image.pixels.begin() + y * image.width * 3, image.width * 3,
                canvas.pixels.begin() + ((y + top) * width + left) * 3);
  }
  return canvas;
}

class Reference : public ::testing::TestWithParam<std::string> {
 protected:
  SafetensorsFile raw{testing::reference("image/raw_pixels.safetensors")};
  Image decoded = testing::image_of(raw, "decoded." + GetParam());

  void expect_resized(const std::string& name, ResizeStrategy strategy, Fill fill) {
    SCOPED_TRACE(name);
    const Image expected = testing::image_of(raw, "resized." + name + "." + GetParam());
    EXPECT_TRUE(same_pixels(resize_to_square(decoded, expected.width, strategy, fill), expected));
  }
};

TEST_P(Reference, ResizedPicturesAreExact) {
  expect_resized("resize-naive", ResizeStrategy::resize_naive, kNoFill);
  expect_resized("resize-crop", ResizeStrategy::resize_crop, kNoFill);
  expect_resized("letterbox.dino", ResizeStrategy::letterbox, kDinoFill);
  expect_resized("letterbox.siglip", ResizeStrategy::letterbox, kSiglipFill);
}

INSTANTIATE_TEST_SUITE_P(Pictures, Reference,
                         ::testing::Values("photo", "rgba", "palette", "small", "wide", "exif6", "gray",
                                           "exact"));

TEST(Preprocess, PixelValuesAreTheOfficialOnes) {
  const SafetensorsFile raw(testing::reference("image/raw_pixels.safetensors"));
  const SafetensorsFile expected(testing::reference("image/pixel_values.safetensors"));
  ASSERT_FALSE(expected.tensors().empty());
  for (const TensorEntry& tensor : expected.tensors()) {  // named <strategy>.<tower>.<stem>
    SCOPED_TRACE(tensor.name);
    const size_t first_dot = tensor.name.find('.'), second_dot = tensor.name.rfind('.');
    const bool is_dino = tensor.name.substr(first_dot + 1, second_dot - first_dot - 1) == "dino";
    const auto size = static_cast<int>(tensor.shape[1]);
    std::vector<float> values(static_cast<size_t>(3 * size * size));
    preprocess(testing::image_of(raw, "decoded." + tensor.name.substr(second_dot + 1)), size,
               parse_resize_strategy(tensor.name.substr(0, first_dot)), is_dino ? kDino : kSiglip,
               {values.data(), 3, int64_t{size} * size});
    const std::vector<float> wanted = to_float32(tensor, "pixel_values");
    ASSERT_EQ(values.size(), wanted.size());
    for (size_t i = 0; i < values.size(); ++i) ASSERT_TRUE(std::abs(values[i] - wanted[i]) <= 2e-6f) << i;
  }
}

TEST(Resize, TheSameSizeIsACopy) {
  const Image image = random_image(17, 5, 1);
  EXPECT_TRUE(same_pixels(resize_bicubic(image, 17, 5), image));
}

TEST(Resize, AUniformPictureStaysUniform) {
  for (const int size : {1, 2, 3, 7, 8, 9, 33}) {
    EXPECT_TRUE(same_pixels(resize_bicubic(uniform(size, 40 - size, {1, 128, 254}), 19, 21),
                            uniform(19, 21, {1, 128, 254})))
        << size;
  }
}

TEST(Resize, OvershootIsClipped) {
  Image edge = uniform(8, 1, {0, 0, 0});
  std::fill_n(edge.pixels.begin() + 12, 12, uint8_t{255});
  const Image wide = resize_bicubic(edge, 64, 1);
  EXPECT_EQ(wide.pixels.front(), 0);
  EXPECT_EQ(wide.pixels.back(), 255);
  for (int channel = 0; channel < 3; ++channel) {  // a byte that wrapped around would be a dip or a peak
    for (size_t i = static_cast<size_t>(channel) + 3; i < wide.pixels.size(); i += 3) {
      EXPECT_GE(wide.pixels[i], wide.pixels[i - 3]) << "byte " << i;
    }
  }
}

// The margin is never stored; its share of each sum must be the one it would have as pixels.
TEST(Resample, AMarginCountsLikePixels) {
  const Fill fill{255, 3, 100};
  for (const auto& [width, height] : {std::pair{1, 1}, {9, 4}, {4, 9}, {31, 2}, {2, 31}}) {
    const Image image = random_image(width, height, 5);
    for (const auto& [left, top] : {std::pair{0, 0}, {3, 0}, {0, 7}, {12, 20}}) {
      const int canvas_width = width + 2 * left + 1, canvas_height = height + top + 2;
      const Image canvas = padded(image, left, top, canvas_width, canvas_height, fill);
      for (const auto& [w, h] : {std::pair{5, 5}, {40, 3}, {1, 60}, {canvas_width, canvas_height}}) {
        EXPECT_TRUE(same_pixels(
            resample_bicubic({image, left, top, canvas_width, canvas_height, fill}, {w, h, 0, 0, w, h}),
            resize_bicubic(canvas, w, h)))
            << width << " x " << height << " at " << left << ", " << top << " to " << w << " x " << h;
      }
    }
  }
}

TEST(Resample, ACropIsThePartOfTheWhole) {
  const Image image = random_image(23, 37, 6);
  const Image whole = resize_bicubic(image, 50, 20);
  for (const auto& [left, top, width, height] :
       {std::array{0, 0, 1, 1}, {49, 19, 1, 1}, {10, 3, 30, 9}, {0, 10, 50, 10}}) {
    EXPECT_TRUE(same_pixels(resample_bicubic({image, 0, 0, 23, 37, {}}, {50, 20, left, top, width, height}),
                            part_of(whole, left, top, width, height)));
  }
}

TEST(ResizeToSquare, CropsTheMiddleOfTheLongEdge) {
  // 7 x 4 at size 6: the long edge becomes int(6 * 7 / 4) = 10, the crop starts at 2.
  const Image image = random_image(7, 4, 7);
  EXPECT_TRUE(same_pixels(resize_to_square(image, 6, ResizeStrategy::resize_crop, kNoFill),
                          part_of(resize_bicubic(image, 10, 6), 2, 0, 6, 6)));
}

TEST(ResizeToSquare, AHalfStartRoundsToEven) {
  // 2 x 5 at size 2 leaves 3 rows over, so that the crop starts at round(1.5) = 2; 2 x 3 leaves 1: round(0.5)
  // = 0.
  const Image five = random_image(2, 5, 8), three = random_image(2, 3, 9);
  EXPECT_TRUE(same_pixels(resize_to_square(five, 2, ResizeStrategy::resize_crop, kNoFill),
                          part_of(five, 0, 2, 2, 2)));
  EXPECT_TRUE(same_pixels(resize_to_square(three, 2, ResizeStrategy::resize_crop, kNoFill),
                          part_of(three, 0, 0, 2, 2)));
}

TEST(ResizeToSquare, AnOddLetterboxIsOnePixelOff) {
  // 4 x 1: both margins are int(3 / 2) = 1, the canvas is 4 x 3, its short edge is scaled and its long edge
  // cropped.
  const Image image = random_image(4, 1, 10);
  const Image canvas = padded(image, 0, 1, 4, 3, kDinoFill);
  EXPECT_TRUE(same_pixels(resize_to_square(image, 6, ResizeStrategy::letterbox, kDinoFill),
                          part_of(resize_bicubic(canvas, 8, 6), 1, 0, 6, 6)));
}

TEST(ResizeToSquare, ExtremeShapesNeedNoHugeCanvas) {
  const std::array<uint8_t, 3> white{255, 255, 255};  // with which sums are largest
  for (const auto& [width, height] : {std::pair{1, 65535}, {65535, 1}}) {
    const Image image = uniform(width, height, white);
    EXPECT_TRUE(same_pixels(resize_to_square(image, 32, ResizeStrategy::resize_naive, kNoFill),
                            uniform(32, 32, white)));
    EXPECT_TRUE(same_pixels(resize_to_square(image, 32, ResizeStrategy::resize_crop, kNoFill),
                            uniform(32, 32, white)));
    EXPECT_EQ(resize_to_square(image, 32, ResizeStrategy::letterbox, white).pixels,
              uniform(32, 32, white).pixels);
  }
}

TEST(Strategy, NamesRoundTrip) {
  for (const char* text : {"resize-naive", "resize-crop", "letterbox"})
    EXPECT_EQ(name(parse_resize_strategy(text)), text);
  EXPECT_EQ(error_of([] { parse_resize_strategy("squash\n"); }),
            "image resize strategy: expected resize-naive, resize-crop or letterbox, found \"squash\\x0a\"");
}

TEST(Normalize, IsInFloat32AndPlanar) {
  const Image image{2, 1, {0, 128, 255, 51, 1, 2}};
  std::array<float, 8> values{};
  normalize(image, kDino, {values.data(), 3, 2, 3});
  EXPECT_EQ(values[0], (0.0f - 0.485f) / 0.229f);
  EXPECT_EQ(values[1], (51.0f / 255.0f - 0.485f) / 0.229f);
  EXPECT_EQ(values[2], 0.0f);  // the stride's gap stays untouched
  EXPECT_EQ(values[3], (128.0f / 255.0f - 0.456f) / 0.224f);
  EXPECT_EQ(values[7], (2.0f / 255.0f - 0.406f) / 0.225f);
}

TEST(TransformErrors, NameWhatIsWrong) {
  const Image image = uniform(2, 2, {1, 2, 3});
  std::array<float, 12> values{};
  EXPECT_EQ(error_of([&] {
              normalize(image, kDino, {values.data(), 3, 5});
            }),
            "pixel_values: expected [3, 4], found [3, 5]");
  EXPECT_EQ(error_of([&] {
              resize_bicubic(Image{2, 2, {1, 2, 3}}, 4, 4);
            }),
            "image: expected 2 x 2 x 3 bytes, found 3");
  EXPECT_THAT(error_of([] { resize_bicubic(Image{}, 4, 4); }),
              HasSubstr("expected a picture, found 0 x 0 pixels"));
  EXPECT_THAT(error_of([&] { resize_bicubic(image, 0, 4); }), HasSubstr("cannot resize to 0 x 4 pixels"));
  EXPECT_THAT(error_of([&] { resize_to_square(image, 1 << 30, ResizeStrategy::letterbox, kNoFill); }),
              HasSubstr("cannot resize to 1073741824 x 1073741824 pixels"));
  const Normalization wrong{{std::numeric_limits<float>::quiet_NaN(), 0, 0}, {1, 1, 1}};
  EXPECT_THAT(error_of([&] {
                preprocess(image, 2, ResizeStrategy::letterbox, wrong, {values.data(), 3, 4});
              }),
              HasSubstr("expected a channel mean between 0 and 1"));
}

}  // namespace
}  // namespace cobra
