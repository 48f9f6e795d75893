// Image: telling formats apart by content, size limits, files and data URIs.
#include "cobra/image.h"

#include <algorithm>
#include <string_view>

#include "base/fail.h"
#include "base/file.h"
#include "image/data_uri.h"
#include "image/decoders.h"

namespace cobra {
namespace {

// What JPEG can express at most. Scaling costs a fixed amount a row, so a million rows of one pixel would
// take seconds.
constexpr int64_t kMaxSide = 65'535;
// A longer path exists on no system we know; a bare base64 text passed as a path would fill the message.
constexpr size_t kMaxPathBytes = 4096;

bool has_bytes_at(std::string_view text, size_t position, std::string_view expected) {
  return text.size() >= position + expected.size() && text.substr(position, expected.size()) == expected;
}

void check_limits(const ImageLimits& limits) {
  check(limits.max_bytes >= 0 && limits.max_pixels >= 0,
        "picture: limits must be 0 or more, found {} bytes and {} pixels", limits.max_bytes,
        limits.max_pixels);
}

/// "47 49 46 38"
std::string first_bytes_in_hex(std::string_view text) {
  std::string hex;
  for (const char c : text.substr(0, 4)) {
    hex += fmt::format("{}{:02x}", hex.empty() ? "" : " ", static_cast<unsigned char>(c));
  }
  return hex;
}

}  // namespace

Image allocate_image(int64_t width, int64_t height, const EncodedImage& encoded) {
  const int64_t max_pixels = encoded.limits.max_pixels;
  check(width > 0 && height > 0, "{}: the picture is empty: {} x {} pixels", encoded.source, width, height);
  check(width <= kMaxSide && height <= kMaxSide, "{}: {} x {} pixels, a side is longer than the limit of {}",
        encoded.source, width, height, kMaxSide);
  check(width <= max_pixels / height, "{}: {} x {} pixels, more than the limit of {} pixels", encoded.source,
        width, height, max_pixels);
  Image image{static_cast<int>(width), static_cast<int>(height), {}};
  image.pixels.resize(static_cast<size_t>(width * height * 3));
  return image;
}

Image Image::decode(std::span<const std::byte> bytes, const std::string& source, const ImageLimits& limits) {
  check_limits(limits);
  const EncodedImage encoded{bytes, printable(source, kMaxPathBytes), limits};
  check(!bytes.empty(), "{}: no data where a picture was expected", encoded.source);
  check(static_cast<int64_t>(bytes.size()) <= limits.max_bytes, "{}: {} bytes, more than the limit of {}",
        encoded.source, bytes.size(), limits.max_bytes);

  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (has_bytes_at(text, 0, "\xff\xd8\xff")) return decode_jpeg(encoded);
  if (has_bytes_at(text, 0, "\x89PNG\r\n\x1a\n")) return decode_png(encoded);
  if (has_bytes_at(text, 0, "RIFF") && has_bytes_at(text, 8, "WEBP")) return decode_webp(encoded);
  fail("{}: expected a JPEG, PNG or WebP picture, found {} bytes that start with {}", encoded.source,
       bytes.size(), first_bytes_in_hex(text));
}

Image Image::load(const std::string& path, const ImageLimits& limits) {
  check_limits(limits);
  const std::string bytes = read_file(path, limits.max_bytes);
  return decode(std::as_bytes(std::span(bytes)), path, limits);
}

Image Image::open(const std::string& path_or_data_uri, const ImageLimits& limits) {
  check_limits(limits);
  if (is_data_uri(path_or_data_uri)) {
    return decode(decode_data_uri(path_or_data_uri, limits.max_bytes), "data URI", limits);
  }
  check(path_or_data_uri.size() <= kMaxPathBytes, "\"{}\": {} bytes are neither a file path nor a data URI",
        printable(path_or_data_uri), path_or_data_uri.size());
  return load(path_or_data_uri, limits);
}

}  // namespace cobra
