// WebP through libwebp: lossy, lossless, with alpha (dropped, not blended), and the first frame of an
// animation. The container is read here only as far as libwebp's still-picture decoder does not. Source: WebP
// container specification (RFC 9649, section 2).
#include <webp/decode.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/fail.h"
#include "image/decoders.h"

namespace cobra {
namespace {

using Bytes = std::span<const std::byte>;

constexpr size_t kRiffHeaderBytes = 12;  // "RIFF", size, "WEBP"
constexpr size_t kChunkHeaderBytes = 8;  // name, size
constexpr size_t kFrameHeaderBytes = 16;

/// A still picture and where its upper left corner stands on the canvas.
struct Frame {
  Bytes data;
  int x = 0;
  int y = 0;
};

int little_endian_u24(const std::byte* at) {
  return std::to_integer<int>(at[0]) | std::to_integer<int>(at[1]) << 8 | std::to_integer<int>(at[2]) << 16;
}

size_t little_endian_u32(const std::byte* at) {
  return static_cast<size_t>(little_endian_u24(at)) | std::to_integer<size_t>(at[3]) << 24;
}

const uint8_t* as_uint8(Bytes bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

const char* describe(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OK:
      return "no error";
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "unsupported feature";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "the file is truncated";
    default:
      return "corrupt data";
  }
}

void check_status(VP8StatusCode status, const EncodedImage& encoded) {
  check(status == VP8_STATUS_OK, "{}: cannot decode the WebP picture: {}", encoded.source, describe(status));
}

/// The RIFF container without what may follow it. libwebp would accept a lossy picture that lacks its last
/// bytes.
Bytes checked_container(const EncodedImage& encoded) {
  const size_t expected = little_endian_u32(encoded.bytes.data() + 4) + kChunkHeaderBytes;
  check(encoded.bytes.size() >= expected, "{}: the WebP file is truncated: expected {} bytes, found {}",
        encoded.source, expected, encoded.bytes.size());
  return encoded.bytes.first(std::max(expected, kRiffHeaderBytes));
}

WebPBitstreamFeatures read_features(Bytes data, const EncodedImage& encoded) {
  WebPBitstreamFeatures features;
  check_status(WebPGetFeatures(as_uint8(data), data.size(), &features), encoded);
  return features;
}

/// The first ANMF chunk of an animation.
Frame first_animation_frame(Bytes container, const EncodedImage& encoded) {
  Bytes rest = container.subspan(kRiffHeaderBytes);
  while (rest.size() >= kChunkHeaderBytes) {
    const size_t size = little_endian_u32(rest.data() + 4);
    const Bytes payload = rest.subspan(kChunkHeaderBytes);
    if (size > payload.size()) break;
    if (std::memcmp(rest.data(), "ANMF", 4) == 0 && size >= kFrameHeaderBytes) {
      const Bytes data = payload.subspan(kFrameHeaderBytes, size - kFrameHeaderBytes);
      return {data, 2 * little_endian_u24(payload.data()), 2 * little_endian_u24(payload.data() + 3)};
    }
    rest = payload.subspan(std::min(size + size % 2, payload.size()));  // chunks are padded to even sizes
  }
  fail("{}: the animated WebP file has no complete first frame", encoded.source);
}

/// Decodes `frame` into its place on the canvas. Around a smaller frame the canvas stays black, as Pillow
/// leaves it.
void decode_frame(const Frame& frame, Image& canvas, const EncodedImage& encoded) {
  const WebPBitstreamFeatures features = read_features(frame.data, encoded);
  check(features.width <= canvas.width - frame.x && features.height <= canvas.height - frame.y,
        "{}: WebP frame of {} x {} at {}, {} does not fit the canvas of {} x {}", encoded.source,
        features.width, features.height, frame.x, frame.y, canvas.width, canvas.height);
  const size_t stride = static_cast<size_t>(canvas.width) * 3;
  const size_t offset = static_cast<size_t>(frame.y) * stride + static_cast<size_t>(frame.x) * 3;

  WebPDecoderConfig config;
  check(WebPInitDecoderConfig(&config) != 0, "libwebp: the library does not match its headers");
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = canvas.pixels.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = canvas.pixels.size() - offset;
  check_status(WebPDecode(as_uint8(frame.data), frame.data.size(), &config), encoded);
}

}  // namespace

Image decode_webp(const EncodedImage& encoded) {
  const Bytes container = checked_container(encoded);
  const WebPBitstreamFeatures features = read_features(container, encoded);
  Image image = allocate_image(features.width, features.height, encoded);
  const Frame frame =
      features.has_animation ? first_animation_frame(container, encoded) : Frame{container, 0, 0};
  decode_frame(frame, image, encoded);
  return image;
}

}  // namespace cobra
