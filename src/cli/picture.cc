#include "cli/picture.h"

#include <utility>

#include "base/fail.h"
#include "base/stopwatch.h"
#include "cli/output.h"
#include "cli/progress.h"

namespace cobra {

ReadPicture read_picture(ImageCache& cache, const std::string& path) {
  ProgressLine progress("reading the picture");
  const Stopwatch decoding;
  const Image image = Image::open(path);
  const double decode_ms = decoding.elapsed_ms();
  PictureState state = cache.read(image);
  progress.finish();
  if (!state.not_kept.empty())
    say(fmt::format("warning: the picture's state is not kept: {}\n", state.not_kept));
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
             "Most that the folder may hold (10^9 bytes); those used longest ago go first; 4 if not given")
      ->needs("--image-cache");
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
