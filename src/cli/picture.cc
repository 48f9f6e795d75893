#include "cli/picture.h"

#include <utility>

#include "base/fail.h"
#include "cli/progress.h"
#include "cli/stopwatch.h"

namespace cobra {

ReadPicture read_picture(ImageCache& cache, const std::string& path) {
  const ProgressLine progress("reading the picture");
  const Stopwatch decoding;
  const Image image = Image::open(path);
  const double decode_ms = decoding.elapsed_ms();
  PictureState state = cache.read(image);
  return {std::move(state.session),
          {state.tokens, decode_ms + state.preprocess_ms, state.vision_ms, state.prefill_ms, state.cached}};
}

void add_image_cache_flags(CLI::App& command, ImageCacheFlags& flags) {
  command
      .add_option("--image-cache", flags.folder,
                  "Folder that keeps what the model made of each picture: the next question about it costs "
                  "its text only")
      ->type_name("DIR");
  add_number(command, "--image-cache-gb", flags.folder_gb, 0.001, 1e6,
             "Most that the folder may hold (10^9 bytes); those used longest ago go first; 4 if not given");
}

ImageCacheOptions image_cache_options(const ImageCacheFlags& flags, const GenerateOptions& generate) {
  return {.folder = flags.folder,
          .folder_bytes = static_cast<int64_t>(flags.folder_gb * 1e9),
          .chunk = generate.chunk};
}

std::string picture_name(const std::string& path) {
  return path.starts_with("data:") ? path.substr(0, std::min(path.find(','), size_t{40})) + ",..." : path;
}

}  // namespace cobra
