// Tests of data URIs: the base64 of RFC 4648, forgiving like browsers, and what is refused.
#include "image/data_uri.h"

#include <gmock/gmock.h>

#include "image/test_pictures.h"

namespace cobra {
namespace {

using testing::error_of;
using testing::file_bytes;
using testing::fixture;
using ::testing::HasSubstr;
using testing::same_pixels;

std::string payload_of(const std::string& uri, int64_t max_bytes = 1000) {
  const std::vector<std::byte> bytes = decode_data_uri(uri, max_bytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string uri_error(const std::string& uri, int64_t max_bytes = 1000) {
  return error_of([&] { payload_of(uri, max_bytes); });
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = i; j < i + 3; ++j)
      group = group << 8 | (j < bytes.size() ? static_cast<uint8_t>(bytes[j]) : 0u);
    for (size_t j = 0; j < 4; ++j) text += i + j > bytes.size() ? '=' : alphabet[group >> (18 - 6 * j) & 63];
  }
  return text;
}

TEST(DataUri, IsToldByItsScheme) {
  EXPECT_TRUE(is_data_uri("data:"));
  EXPECT_TRUE(is_data_uri("DATA:image/png;base64,"));
  EXPECT_FALSE(is_data_uri("data"));
  EXPECT_FALSE(is_data_uri("./data:x"));
}

TEST(DataUri, VectorsOfTheRfc) {
  EXPECT_EQ(payload_of("data:;base64,"), "");
  EXPECT_EQ(payload_of("data:;base64,Zg=="), "f");
  EXPECT_EQ(payload_of("data:;base64,Zm8="), "fo");
  EXPECT_EQ(payload_of("data:;base64,Zm9v"), "foo");
  EXPECT_EQ(payload_of("data:;base64,Zm9vYg=="), "foob");
  EXPECT_EQ(payload_of("data:;base64,Zm9vYmE="), "fooba");
  EXPECT_EQ(payload_of("data:;base64,Zm9vYmFy"), "foobar");
  EXPECT_EQ(payload_of("data:;base64,+/+/"), "\xfb\xff\xbf");
}

TEST(DataUri, EveryByteSurvives) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(payload_of("data:;base64," + base64(bytes)), bytes);
}

TEST(DataUri, WhiteSpaceAndPaddingAreForgiven) {
  EXPECT_EQ(payload_of("Data:image/png;charset=utf-8;BASE64 , Z m\r\n9\tv Yg = =\n"), "foob");
  EXPECT_EQ(payload_of("data:;base64,Zm9vYg"), "foob");
  EXPECT_EQ(payload_of("data:;base64,Zm9vYmE"), "fooba");
}

TEST(DataUri, MalformedOnesAreNamed) {
  EXPECT_EQ(uri_error("data:image/png;base64"),
            "data URI: no comma between header and data in \"data:image/png;base64\"");
  EXPECT_EQ(uri_error("data:image/png,abcd"),
            "data URI: expected \";base64\" before the comma, found \"data:image/png\"");
  EXPECT_THAT(uri_error("data:image/png;base32,abcd"), HasSubstr("expected \";base64\""));
  EXPECT_THAT(uri_error("data:base64,abcd"), HasSubstr("expected \";base64\""));
  EXPECT_EQ(uri_error("data:;base64,Zm9-"), "data URI: byte 0x2d is not a base64 digit");
  EXPECT_EQ(uri_error("data:;base64,Zg==Zg=="), "data URI: byte 0x3d is not a base64 digit");
  EXPECT_EQ(uri_error("data:;base64,Z==="), "data URI: byte 0x3d is not a base64 digit");
  EXPECT_EQ(uri_error("data:;base64,Zm9vY"),
            "data URI: the base64 text is cut short, its last group has one digit");
}

TEST(DataUri, TheLimitHolds) {
  EXPECT_EQ(payload_of("data:;base64,Zm9vYg==", 4), "foob");
  EXPECT_EQ(uri_error("data:;base64,Zm9vYg==", 3), "data URI: more than the limit of 3 bytes");
}

TEST(Open, LimitsBelowZeroAreRefused) {
  EXPECT_EQ(error_of([] { Image::open("data:;base64,Zg==", {.max_bytes = -1}); }),
            "picture: limits must be 0 or more, found -1 bytes and 104857600 pixels");
  EXPECT_THROW(Image::load("absent.png", {.max_pixels = -1}), Error);
}

TEST(Open, AcceptsDataUrisWhateverTheirMediaType) {
  const std::string text = base64(file_bytes(fixture("rgb16.png")));
  const Image expected = Image::load(fixture("rgb16.png"));
  for (const char* type : {"image/png", "image/jpeg", "text/plain", ""}) {
    SCOPED_TRACE(type);
    EXPECT_TRUE(same_pixels(Image::open(std::string("data:") + type + ";base64," + text), expected));
  }
}

TEST(Open, NamesTheDataUriInErrors) {
  EXPECT_EQ(error_of([] { Image::open("data:image/png;base64,"); }),
            "data URI: no data where a picture was expected");
  EXPECT_THAT(error_of([] { Image::open("data:image/png;base64,Zm9v"); }), HasSubstr("start with 66 6f 6f"));
}

TEST(Open, ALongTextIsNoPath) {
  const std::string error = error_of([] { Image::open(std::string(5000, 'A')); });
  EXPECT_THAT(error, HasSubstr("5000 bytes are neither a file path nor a data URI"));
  EXPECT_LT(error.size(), 200u);
}

}  // namespace
}  // namespace cobra
