// States of pictures that were read before, so that the next question about a picture costs its text only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cobra/image.h"
#include "cobra/session.h"

namespace cobra {

struct ImageCacheOptions {
  int64_t memory_bytes = 0;                 // of states kept in memory; 0: none
  std::string folder = {};                  // also kept in files here; made when missing; empty: no files
  int64_t folder_bytes = int64_t{4} << 30;  // of its files
  int64_t chunk = 0;                        // image tokens that a step reads; 0: 1024
};

/// A session that has read a picture and nothing else, and what that took.
struct PictureState {
  Session session;
  int64_t tokens = 0;         // image tokens (patches, or what the projector makes of them)
  bool cached = false;        // found, not read; the next two times are then 0
  double preprocess_ms = 0;   // resize and normalise
  double vision_ms = 0;       // towers and projector
  double prefill_ms = 0;      // the language model reading them, or fetching the state
  std::string not_kept = {};  // why its file could not be written; empty: it was, or none is wanted
};

/// The picture comes first in the model's context, so the state after it follows from picture and model
/// alone. Kept are the states used last, as many as fit. The key is a hash of the pixels, the model's
/// fingerprint, the program's version and the kernels that are used, so on one machine a found state is bit
/// for bit the one that reading would give. Safe for several threads; several processes may share a folder.
/// The model must outlive the cache and stay where it is.
class ImageCache {
 public:
  /// Throws Error naming the folder when it cannot be made, and for sizes or a chunk out of range.
  explicit ImageCache(const Model& model, ImageCacheOptions options = {});
  explicit ImageCache(const Model&&, ImageCacheOptions = {}) = delete;
  ~ImageCache();
  ImageCache(ImageCache&&) noexcept;
  ImageCache& operator=(ImageCache&&) noexcept;

  /// Finds the state of `image`, or reads it and keeps the state. A damaged file is read anew and replaced.
  /// Throws Error as Model::embed does.
  PictureState read(const Image& image);

  /// Bytes of states in memory.
  int64_t memory_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cobra
