#include "image/encode_png.h"

#include <gmock/gmock.h>

#include "image/test_pictures.h"

namespace cobra {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::random_image;
using testing::same_pixels;

PixelView view_of(const Image& image) { return {image.width, image.height, 3, image.pixels}; }

TEST(EncodePng, ColoursComeBack) {
  for (const auto& [width, height] : {std::pair(1, 1), {17, 3}, {3, 17}, {64, 64}}) {
    const Image image = random_image(width, height, 1);
    EXPECT_TRUE(same_pixels(testing::decode(encode_png(view_of(image))), image)) << width << " x " << height;
  }
}

TEST(EncodePng, GreyComesBackInEachChannel) {
  const std::vector<uint8_t> grey = {0, 1, 127, 128, 254, 255};
  Image expected{3, 2, {}};
  for (const uint8_t value : grey) expected.pixels.insert(expected.pixels.end(), 3, value);
  const std::string png = encode_png({3, 2, 1, grey});
  EXPECT_TRUE(same_pixels(testing::decode(png), expected));
  EXPECT_EQ(png[25], 0) << "the file is grey too";  // IHDR's colour type
}

TEST(EncodePng, SamePixelsSameBytes) {
  const Image image = random_image(40, 30, 2);
  EXPECT_EQ(encode_png(view_of(image)), encode_png(view_of(image)));
}

TEST(EncodePng, RefusesWhatDoesNotFit) {
  const std::vector<uint8_t> pixels(12);
  const auto refusal = [&](int64_t width, int64_t height, int channels) {
    return error_of([&] { encode_png({width, height, channels, pixels}); });
  };
  EXPECT_EQ(refusal(2, 2, 3), "");
  EXPECT_EQ(refusal(2, 3, 3), "a picture of 2 x 3 x 3 has not 12 bytes");
  EXPECT_THAT(refusal(2, 2, 4), HasSubstr("1 or 3 channels, not 4"));
  EXPECT_THAT(refusal(0, 4, 3), HasSubstr("0 x 4 pixels"));
  EXPECT_THAT(refusal(12, -1, 1), HasSubstr("12 x -1 pixels"));
  EXPECT_THAT(refusal(65536, 1, 1), HasSubstr("65536 x 1 pixels"));
  EXPECT_THAT(refusal(int64_t{1} << 62, 4, 1), HasSubstr("pixels cannot be written"));
}

}  // namespace
}  // namespace cobra
