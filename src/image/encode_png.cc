#include "image/encode_png.h"

#include <png.h>

#include <memory>

#include "base/fail.h"

namespace cobra {
namespace {

void check_picture(const PixelView& picture) {
  const auto& [width, height, channels, pixels] = picture;
  check(width > 0 && height > 0 && width <= UINT16_MAX && height <= UINT16_MAX,
        "a picture of {} x {} pixels cannot be written", width, height);
  check(channels == 1 || channels == 3, "a picture has 1 or 3 channels, not {}", channels);
  check(width * height * channels == static_cast<int64_t>(pixels.size()),
        "a picture of {} x {} x {} has not {} bytes", width, height, channels, pixels.size());
}

}  // namespace

std::string encode_png(const PixelView& picture) {
  check_picture(picture);
  png_image image{};
  const std::unique_ptr<png_image, decltype(&png_image_free)> release(&image, png_image_free);
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = picture.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;

  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string file(bytes, '\0');
  constexpr int kKeepDepth = 0;
  constexpr png_int_32 kPackedRows = 0;
  const int written = png_image_write_to_memory(&image, file.data(), &bytes, kKeepDepth,
                                                picture.pixels.data(), kPackedRows, /*colormap=*/nullptr);
  check(written != 0, "cannot write a PNG picture: {}", printable(image.message));
  file.resize(bytes);
  file.shrink_to_fit();  // the bound is several times the size, and callers keep many
  return file;
}

}  // namespace cobra
