// Reading a picture into a session: what run, chat and trace do first.
#pragma once

#include <string>

#include "cobra/session.h"

namespace cobra {

/// What a picture took. `tokens` is 0 where there was none.
struct PictureCost {
  int64_t tokens = 0;
  double image_ms = 0;    // decode, resize, normalise
  double vision_ms = 0;   // towers and projector
  double prefill_ms = 0;  // the language model reading the patches
};

/// Decodes `path` (or a data URI) and reads it into `session`, which must be new: patches come before all
/// text. Progress shows on a terminal. Throws Error when the model has no towers or the picture cannot be
/// decoded.
PictureCost read_picture(Session& session, const std::string& path, int64_t chunk = 0);

/// `path` for messages and results: a data URI without its data.
std::string picture_name(const std::string& path);

}  // namespace cobra
