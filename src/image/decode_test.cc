// Tests of decoding: bit-exact to Pillow for every kind of file, limits, and hostile bytes.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "base/fail.h"
#include "image/test_pictures.h"
#include "reference.h"

namespace cobra {
namespace {

using ::testing::AllOf;
using testing::decode;
using testing::error_of;
using testing::file_bytes;
using testing::fixture;
using ::testing::HasSubstr;
using testing::same_pixels;

std::string decode_error(std::string_view bytes, const ImageLimits& limits = {}) {
  return error_of([&] { decode(bytes, limits); });
}

std::string with_bytes_at(std::string bytes, size_t at, std::string_view replacement) {
  return bytes.replace(at, replacement.size(), replacement);
}

std::string name_of(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

class Fixture : public ::testing::TestWithParam<std::string> {
 protected:
  Image expected() const {
    return testing::image_of(SafetensorsFile(fixture("expected.safetensors")), GetParam());
  }
  std::string bytes() const { return file_bytes(fixture(GetParam())); }
};

TEST_P(Fixture, EqualsPillow) { EXPECT_TRUE(same_pixels(Image::load(fixture(GetParam())), expected())); }

TEST_P(Fixture, CutShortThrowsOrIsComplete) {
  const std::string bytes = this->bytes();
  const Image expected = this->expected();
  size_t complete = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    SCOPED_TRACE(length);
    try {
      ASSERT_TRUE(same_pixels(decode(bytes.substr(0, length)), expected));
      ++complete;
    } catch (const Error& error) {
      ASSERT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  EXPECT_LE(complete, 20u);  // a PNG's IEND and checksum, a JPEG's EOI: nothing else may be missing
}

TEST_P(Fixture, FlippedBytesThrowOrDecode) {
  const ImageLimits small{1 << 20, 1 << 16};
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = this->bytes();
    for (int flip = 0; flip < 1 + round % 4; ++flip)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      const Image image = decode(bytes, small);
      ASSERT_EQ(static_cast<int64_t>(image.pixels.size()), int64_t{image.width} * image.height * 3);
    } catch (const Error&) {
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Pictures, Fixture, ::testing::ValuesIn(testing::fixture_names()), name_of);

TEST(Decode, ReferencePicturesAreExact) {
  const SafetensorsFile expected(testing::reference("image/raw_pixels.safetensors"));
  for (const char* file : {"photo.jpg", "rgba.png", "palette.png", "small.png", "wide.png", "exif6.jpg",
                           "gray.jpg", "exact.png"}) {
    SCOPED_TRACE(file);
    const std::string stem = std::filesystem::path(file).stem();
    EXPECT_TRUE(same_pixels(Image::load(testing::reference(std::string("image/") + file)),
                            testing::image_of(expected, "decoded." + stem)));
  }
}

TEST(Decode, ContentDecidesTheFormat) {
  EXPECT_EQ(decode_error(""), "picture: no data where a picture was expected");
  EXPECT_EQ(decode_error("GIF89a"),
            "picture: expected a JPEG, PNG or WebP picture, found 6 bytes that start with 47 49 46 38");
  EXPECT_THAT(decode_error("\x89PNG"), HasSubstr("expected a JPEG, PNG or WebP picture"));
  EXPECT_THAT(decode_error(std::string("RIFF\0\0\0\0WAVE", 12)),
              HasSubstr("expected a JPEG, PNG or WebP picture"));
}

TEST(Decode, TruncationIsNamed) {
  for (const char* name : {"rgb16.png", "ycbcr420.jpg", "progressive.jpg", "lossy.webp", "lossless.webp"}) {
    SCOPED_TRACE(name);
    const std::string bytes = file_bytes(fixture(name));
    EXPECT_THAT(decode_error(bytes.substr(0, bytes.size() - 30)), HasSubstr("truncated"));
  }
}

TEST(Decode, TheSourceIsNamedOnOneLine) {
  const std::string error = error_of([] { Image::decode({}, "a\nb"); });
  EXPECT_EQ(error, "a\\x0ab: no data where a picture was expected");
}

TEST(DecodeLimits, EncodedBytes) {
  const std::string bytes = file_bytes(fixture("grey1.png"));
  const ImageLimits limits{static_cast<int64_t>(bytes.size()) - 1, 1 << 20};
  const std::string expected =
      fmt::format("{} bytes, more than the limit of {}", bytes.size(), bytes.size() - 1);
  EXPECT_EQ(decode_error(bytes, limits), "picture: " + expected);
  EXPECT_THAT(error_of([&] { Image::load(fixture("grey1.png"), limits); }),
              AllOf(HasSubstr("grey1.png"), HasSubstr(expected)));
}

TEST(DecodeLimits, Pixels) {
  for (const char* name : {"grey1.png", "ycck.jpg", "lossy.webp"}) {
    SCOPED_TRACE(name);
    const std::string bytes = file_bytes(fixture(name));
    EXPECT_EQ(decode_error(bytes, {1 << 20, 13 * 9}), "");
    EXPECT_EQ(decode_error(bytes, {1 << 20, 13 * 9 - 1}),
              "picture: 13 x 9 pixels, more than the limit of 116 pixels");
  }
}

TEST(DecodeLimits, HugePngHeaders) {
  const std::string png = file_bytes(fixture("rgb16.png"));
  const auto sized = [&](std::string_view width_and_height) {
    return with_bytes_at(png, 16, width_and_height);
  };
  EXPECT_EQ(decode_error(sized({"\0\0\x9c\x40\0\0\x9c\x40", 8})),
            "picture: 40000 x 40000 pixels, more than the limit of 104857600 pixels");
  EXPECT_EQ(decode_error(sized("\xff\xff\xff\xff\xff\xff\xff\xff")),
            "picture: 4294967295 x 4294967295 pixels, a side is longer than the limit of 65535");
  EXPECT_EQ(decode_error(sized({"\0\0\0\0\0\0\0\1", 8})), "picture: the picture is empty: 0 x 1 pixels");
}

TEST(DecodeLimits, HugeJpegAndWebpHeaders) {
  const std::string jpeg = file_bytes(fixture("ycbcr420.jpg"));
  const size_t size_field = jpeg.find("\xff\xc0") + 5;
  EXPECT_EQ(decode_error(with_bytes_at(jpeg, size_field, "\xff\xdc\xff\xdc")),
            "picture: 65500 x 65500 pixels, more than the limit of 104857600 pixels");
  EXPECT_THAT(decode_error(with_bytes_at(jpeg, size_field, {"\0\0\0\0", 4})), HasSubstr("Empty JPEG image"));

  const std::string webp = file_bytes(fixture("lossless.webp"));
  const size_t bits = webp.find("VP8L") + 9;
  EXPECT_EQ(decode_error(with_bytes_at(webp, bits, "\xff\xff\xff\x0f")),
            "picture: 16384 x 16384 pixels, more than the limit of 104857600 pixels");
}

TEST(DecodeLimits, ScansOfAProgressiveJpeg) {
  std::string jpeg = file_bytes(fixture("progressive.jpg"));
  const size_t last_scan = jpeg.rfind("\xff\xda");
  const std::string scan = jpeg.substr(last_scan, jpeg.size() - 2 - last_scan);
  std::string many;
  for (int i = 0; i < 100; ++i) many += scan;
  EXPECT_THAT(decode_error(jpeg.insert(last_scan, many)), HasSubstr("more than 100 scans"));
}

TEST(Decode, TwoColourComponentsAreRefused) {
  std::string jpeg = file_bytes(fixture("grey.jpg"));
  // Start of frame with two components: length 14, precision 8, 1 x 1 pixels.
  const std::string frame("\xff\xc0\0\x0e\x08\0\1\0\1\2\1\x11\0\2\x11\0", 16);
  EXPECT_THAT(decode_error(jpeg.substr(0, 2) + frame + jpeg.substr(jpeg.find("\xff\xda"))),
              HasSubstr("expected 1, 3 or 4 colour components"));
}

TEST(DecodePng, ADamagedTextChunkIsSkipped) {
  const std::string png = file_bytes(fixture("rgb16.png"));
  const std::string chunk("\0\0\0\x04zTXtabcd\0\0\0\0", 16);  // no text inside, wrong checksum
  EXPECT_TRUE(same_pixels(decode(std::string(png).insert(33, chunk)), decode(png)));
}

TEST(DecodePng, ErrorsQuoteTheLibrary) {
  const std::string png = file_bytes(fixture("palette1.png"));
  EXPECT_THAT(decode_error(with_bytes_at(png, png.find("PLTE"), "plTe")),
              AllOf(HasSubstr("picture: cannot decode the PNG picture: "), HasSubstr("Missing PLTE")));
  EXPECT_EQ(decode_error(with_bytes_at(png, 12, "IDAT")),
            "picture: the PNG file does not start with an IHDR chunk");
}

TEST(DecodeWebp, AFrameOutsideTheCanvasIsRefused) {
  const std::string webp = file_bytes(fixture("animated_small_frame.webp"));
  const size_t frame = webp.find("ANMF") + 8;
  EXPECT_EQ(decode_error(with_bytes_at(webp, frame, "\4")),
            "picture: WebP frame of 13 x 9 at 8, 2 does not fit the canvas of 19 x 14");
  EXPECT_THAT(decode_error(with_bytes_at(webp, frame, "\xff\xff\xff")), HasSubstr("does not fit"));
  EXPECT_THAT(
      decode_error(with_bytes_at(with_bytes_at(webp, webp.find("ANMF"), "ANMX"), webp.rfind("ANMF"), "ANMX")),
      HasSubstr("has no complete first frame"));
}

TEST(Load, NamesThePath) {
  EXPECT_THAT(error_of([] { Image::load(fixture("absent.png")); }), HasSubstr("absent.png: cannot open"));
  EXPECT_THAT(error_of([] { Image::load(fixture("make_fixtures.py")); }),
              AllOf(HasSubstr("make_fixtures.py"), HasSubstr("expected a JPEG, PNG or WebP picture")));
  EXPECT_TRUE(same_pixels(Image::open(fixture("rgb16.png")), Image::load(fixture("rgb16.png"))));
}

}  // namespace
}  // namespace cobra
