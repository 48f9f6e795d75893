// Features of frozen towers on disk: they are the same in every epoch and every run, and cost more than the
// rest of a step. One file an entry, below 256 folders; processes share a cache without talking to each
// other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/hash.h"

namespace cobra::data {

struct FeatureCacheOptions {
  std::string folder;  // made where it is absent
  std::string
      fingerprint;    // of everything but the picture that features follow from: tower weights, preprocessing
  int64_t rows = 0;   // patches
  int64_t width = 0;  // of all towers together
  DType type = DType::f32;  // of an entry: f32 or bf16
  int64_t max_bytes = 0;    // of the folder; 0: no limit
};

/// All functions may be called from any thread. An entry that is torn, has a wrong checksum or another shape
/// counts as absent and is written anew. A full cache takes no more entries (and drops none: epochs go round,
/// so what is dropped would be asked for again before what is kept). Where the disk is full or an entry
/// cannot be written, the run goes on without storing it.
class FeatureCache {
 public:
  using Compute = std::function<std::vector<float>()>;

  /// Throws Error for options that make no sense and for a folder that cannot be made or written to.
  explicit FeatureCache(const FeatureCacheOptions& options);
  ~FeatureCache();
  FeatureCache(const FeatureCache&) = delete;
  FeatureCache& operator=(const FeatureCache&) = delete;

  /// The entry's name: from the picture's encoded bytes, the fingerprint, the shape and the type.
  Hash128 key(std::span<const std::byte> picture) const;
  /// Features [rows, width] or std::nullopt.
  std::optional<std::vector<float>> find(const Hash128& key) const;
  /// Stores features [rows, width] and returns them as find() will give them: rounded to the entries' type,
  /// stored or not, so that a run gives the same numbers with a cold, a warm and a full cache. Throws Error
  /// for a wrong size.
  std::vector<float> put(const Hash128& key, std::vector<float> features);
  /// find(), else put(compute()).
  std::vector<float> get(std::span<const std::byte> picture, const Compute& compute);

  /// What this object did.
  struct Counts {
    int64_t hits = 0, misses = 0, damaged = 0, stored = 0, not_stored = 0;
  };
  Counts counts() const;

 private:
  class Quota;

  FeatureCacheOptions options_;
  Hash128 origin_;  // of fingerprint, shape and type
  std::unique_ptr<Quota> quota_;
  mutable std::atomic<int64_t> hits_ = 0, misses_ = 0, damaged_ = 0;
  std::atomic<int64_t> stored_ = 0, not_stored_ = 0;

  std::string path(const Hash128& key) const;
  bool store(const Hash128& key, const std::string& entry);
};

}  // namespace cobra::data
