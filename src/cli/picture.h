// Reading a picture into a session: what run, chat and trace do first.
#pragma once

#include <string>

#include "cli/options.h"
#include "cobra/image_cache.h"

namespace cobra {

/// What a picture took. `tokens` is 0 where there was none.
struct PictureCost {
  int64_t tokens = 0;
  double image_ms = 0;    // decode, resize, normalise
  double vision_ms = 0;   // towers and projector
  double prefill_ms = 0;  // the language model reading the patches
  bool cached = false;    // its state was found; prefill_ms is what finding it took
};

struct ReadPicture {
  Session session;  // has read the picture and nothing else
  PictureCost cost;
};

/// Decodes `path` (or a data URI) and reads it, or finds its state. Progress shows on a terminal. Throws
/// Error when the model has no towers or the picture cannot be decoded.
ReadPicture read_picture(ImageCache& cache, const std::string& path);

/// --image-cache and --image-cache-gb.
struct ImageCacheFlags {
  std::string folder;
  double folder_gb = 4;
};
void add_image_cache_flags(CLI::App& command, ImageCacheFlags& flags);
ImageCacheOptions image_cache_options(const ImageCacheFlags& flags, const GenerateOptions& generate);

/// `path` for messages and results: a data URI without its data.
std::string picture_name(const std::string& path);

}  // namespace cobra
