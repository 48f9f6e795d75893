// JPEG through libjpeg-turbo with its default settings (accurate integer DCT, fancy upsampling), which are
// Pillow's. CMYK and YCCK become RGB as Pillow converts them. Left out: EXIF orientation and colour profiles,
// ignored on purpose.
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE

#include <jpeglib.h>

#include <cstring>

#include "base/fail.h"
#include "image/decoders.h"

namespace cobra {
namespace {

// Encoders write about ten scans. Each one costs a pass over the whole picture however short it is in the
// file.
constexpr int kMaxScans = 100;

// libjpeg reports errors by longjmp, which must not skip destructors: functions that call setjmp hold plain
// values only.
struct JpegReader {
  JpegReader() = default;
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info); }

  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf on_failure;
  char message[JMSG_LENGTH_MAX] = "";
};

JpegReader& reader_of(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }

[[noreturn]] void stop(JpegReader& reader, const char* message) {
  std::snprintf(reader.message, sizeof reader.message, "%s", message);
  std::longjmp(reader.on_failure, 1);
}

[[noreturn]] void on_error(j_common_ptr info) {
  char message[JMSG_LENGTH_MAX];
  info->err->format_message(info, message);
  stop(reader_of(info), message);
}

void on_message(j_common_ptr, int) {}

void limit_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
  char message[64];
  std::snprintf(message, sizeof message, "more than %d scans", kMaxScans);
  stop(reader_of(info), message);
}

void no_action(j_decompress_ptr) {}

// The whole file is in memory, so running out of bytes means that it is truncated. Like Pillow, and unlike
// libjpeg's own memory source, that is an error here and never a half-grey picture.
boolean no_more_bytes(j_decompress_ptr info) {
  stop(reader_of(reinterpret_cast<j_common_ptr>(info)), "the file is truncated");
}

void skip_bytes(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<size_t>(count) > info->src->bytes_in_buffer) no_more_bytes(info);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<size_t>(count);
}

void install_callbacks(JpegReader& reader, const std::byte* bytes, size_t size) {
  reader.info.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.info.client_data = &reader;
  reader.progress.progress_monitor = limit_scans;
  reader.source.init_source = no_action;
  reader.source.fill_input_buffer = no_more_bytes;
  reader.source.skip_input_data = skip_bytes;
  reader.source.resync_to_restart = jpeg_resync_to_restart;
  reader.source.term_source = no_action;
  reader.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes);
  reader.source.bytes_in_buffer = size;
}

/// Reads up to the first scan and chooses the output colours. False: see reader.message.
bool read_header(JpegReader& reader, const std::byte* bytes, size_t size) {
  install_callbacks(reader, bytes, size);
  if (setjmp(reader.on_failure)) return false;
  jpeg_create_decompress(&reader.info);
  reader.info.src = &reader.source;
  reader.info.progress = &reader.progress;
  jpeg_read_header(&reader.info, TRUE);
  const int components = reader.info.num_components;
  if (components != 1 && components != 3 && components != 4)
    stop(reader, "expected 1, 3 or 4 colour components");
  reader.info.out_color_space = components == 4 ? JCS_CMYK : JCS_RGB;
  return true;
}

/// Decodes all rows, each to `row_bytes` bytes at `out`. False: see reader.message.
bool read_rows(JpegReader& reader, uint8_t* out, size_t row_bytes) {
  if (setjmp(reader.on_failure)) return false;
  jpeg_start_decompress(&reader.info);
  while (reader.info.output_scanline < reader.info.output_height) {
    JSAMPROW row = out + reader.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&reader.info, &row, 1);
  }
  return true;
}

/// a * b / 255, rounded; exact for bytes.
int multiply_bytes(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/// Pillow takes every 4-colour JPEG for Adobe's inverted kind: c' = 255 - c, then rgb = k - c' * k / 255.
void cmyk_to_rgb(const std::vector<uint8_t>& cmyk, std::vector<uint8_t>& rgb) {
  for (size_t i = 0; i < cmyk.size() / 4; ++i) {
    const int key = cmyk[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      rgb[3 * i + c] = static_cast<uint8_t>(key - multiply_bytes(255 - cmyk[4 * i + c], key));
    }
  }
}

}  // namespace

Image decode_jpeg(const EncodedImage& encoded) {
  JpegReader reader;
  const auto check_decoded = [&](bool ok) {
    check(ok, "{}: cannot decode the JPEG picture: {}", encoded.source, printable(reader.message));
  };
  check_decoded(read_header(reader, encoded.bytes.data(), encoded.bytes.size()));
  Image image = allocate_image(reader.info.image_width, reader.info.image_height, encoded);
  if (reader.info.num_components != 4) {
    check_decoded(read_rows(reader, image.pixels.data(), static_cast<size_t>(image.width) * 3));
    return image;
  }
  std::vector<uint8_t> cmyk(image.pixels.size() / 3 * 4);
  check_decoded(read_rows(reader, cmyk.data(), static_cast<size_t>(image.width) * 4));
  cmyk_to_rgb(cmyk, image.pixels);
  return image;
}

}  // namespace cobra
