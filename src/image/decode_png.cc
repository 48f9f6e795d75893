// PNG through libpng, to the RGB pixels that Pillow's open().convert("RGB") gives: alpha and transparency
// dropped, gamma ignored, 16-bit colour cut to its high byte, 16-bit grey clipped (not scaled) to 255. Left
// out: every chunk but IHDR, PLTE, tRNS, IDAT and IEND is skipped unread, so none can be a decompression
// bomb.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "base/fail.h"
#include "image/decoders.h"

namespace cobra {
namespace {

// libpng reports errors by longjmp, which must not skip destructors: functions that call setjmp hold plain
// values only.
struct PngReader {
  explicit PngReader(std::span<const std::byte> encoded) : bytes(encoded) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }

  std::span<const std::byte> bytes;
  size_t position = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[128] = "out of memory";
};

// The part of IHDR needed before libpng runs. The layout is fixed: PNG specification, section 11.2.2.
struct PngHeader {
  uint32_t width = 0;
  uint32_t height = 0;
  bool is_grey16 = false;
};

constexpr size_t kSignatureBytes = 8;
constexpr size_t kHeaderEnd = kSignatureBytes + 8 + 13;

void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(reader->message, sizeof reader->message, "%s", message);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->bytes.size() - reader->position) png_error(png, "the file is truncated");
  std::memcpy(out, reader->bytes.data() + reader->position, count);
  reader->position += count;
}

/// Indices beyond the end of PLTE are grey levels in Pillow, black in libpng: adds the missing entries.
void complete_palette(png_structp png, png_infop info) {
  if (png_get_color_type(png, info) != PNG_COLOR_TYPE_PALETTE) return;
  png_color complete[PNG_MAX_PALETTE_LENGTH];
  for (int i = 0; i < PNG_MAX_PALETTE_LENGTH; ++i) {
    const auto level = static_cast<png_byte>(i);
    complete[i] = {level, level, level};
  }
  png_colorp palette = nullptr;
  int count = 0;
  png_get_PLTE(png, info, &palette, &count);
  std::copy_n(palette, count, complete);
  png_set_PLTE(png, info, complete, 1 << png_get_bit_depth(png, info));
}

/// Creates the reader and asks for 8-bit RGB rows, or 16-bit grey ones unchanged. False: see reader.message.
bool start(PngReader& reader, bool is_grey16) {
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (!reader.png) return false;
  reader.info = png_create_info_struct(reader.png);
  if (!reader.info) return false;
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_read_fn(reader.png, &reader, read_bytes);
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(reader.png, reader.info);
  complete_palette(reader.png, reader.info);
  if (!is_grey16) {
    png_set_strip_16(reader.png);
    png_set_palette_to_rgb(reader.png);
    png_set_expand_gray_1_2_4_to_8(reader.png);
    png_set_gray_to_rgb(reader.png);
    png_set_strip_alpha(reader.png);
  }
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

/// Reads all passes into `height` rows of `row_bytes` bytes at `out`. False: see reader.message.
bool read_rows(PngReader& reader, uint8_t* out, size_t row_bytes, size_t height) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  if (png_get_rowbytes(reader.png, reader.info) != row_bytes) png_error(reader.png, "unexpected row size");
  const int passes =
      png_get_interlace_type(reader.png, reader.info) == PNG_INTERLACE_ADAM7 ? PNG_INTERLACE_ADAM7_PASSES : 1;
  for (int pass = 0; pass < passes; ++pass) {
    for (size_t y = 0; y < height; ++y) png_read_row(reader.png, out + y * row_bytes, nullptr);
  }
  return true;
}

uint32_t big_endian_u32(const std::byte* at) {
  return std::to_integer<uint32_t>(at[0]) << 24 | std::to_integer<uint32_t>(at[1]) << 16 |
         std::to_integer<uint32_t>(at[2]) << 8 | std::to_integer<uint32_t>(at[3]);
}

PngHeader read_header(const EncodedImage& encoded) {
  check(encoded.bytes.size() >= kHeaderEnd, "{}: the PNG file is truncated after {} bytes", encoded.source,
        encoded.bytes.size());
  const std::byte* chunk = encoded.bytes.data() + kSignatureBytes;
  check(std::memcmp(chunk + 4, "IHDR", 4) == 0, "{}: the PNG file does not start with an IHDR chunk",
        encoded.source);
  const std::byte* fields = chunk + 8;
  const auto bit_depth = std::to_integer<int>(fields[8]);
  const auto colour_type = std::to_integer<int>(fields[9]);
  return {big_endian_u32(fields), big_endian_u32(fields + 4),
          bit_depth == 16 && colour_type == PNG_COLOR_TYPE_GRAY};
}

/// Big-endian 16-bit grey to RGB, values above 255 clipped: Pillow reads such files in mode "I", whose
/// conversion clips.
void clip_grey16(const std::vector<uint8_t>& grey16, std::vector<uint8_t>& rgb) {
  for (size_t i = 0; i < grey16.size() / 2; ++i) {
    const uint8_t grey = grey16[2 * i] ? 255 : grey16[2 * i + 1];
    std::fill_n(&rgb[3 * i], 3, grey);
  }
}

}  // namespace

Image decode_png(const EncodedImage& encoded) {
  const PngHeader header = read_header(encoded);
  Image image = allocate_image(header.width, header.height, encoded);
  std::vector<uint8_t> grey16(header.is_grey16 ? image.pixels.size() / 3 * 2 : 0);
  std::vector<uint8_t>& rows = header.is_grey16 ? grey16 : image.pixels;

  PngReader reader(encoded.bytes);
  const bool ok = start(reader, header.is_grey16) &&
                  read_rows(reader, rows.data(), rows.size() / header.height, header.height);
  check(ok, "{}: cannot decode the PNG picture: {}", encoded.source, printable(reader.message));
  if (header.is_grey16) clip_grey16(grey16, image.pixels);
  return image;
}

}  // namespace cobra
