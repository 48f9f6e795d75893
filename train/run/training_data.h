// What the loop asks of data: which examples make which step, and batches of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/feature_cache.h"
#include "train/step/batch.h"

namespace cobra::train {

struct CachedPicture {
  Hash128 key;
  std::optional<std::vector<float>> known;  // its features, if the cache has them
};

struct LoadedBatch {
  Batch batch;
  int64_t tokens = 0;  // of text and pictures, without padding
  /// With a cache: the pictures in order; the batch has pixel values of the unknown ones alone
  /// (cached_features.h).
  std::vector<CachedPicture> pictures;
};

class TrainingData {
 public:
  virtual ~TrainingData() = default;
  virtual int64_t examples() const = 0;
  /// Of all examples in their order; not of their pictures.
  virtual Hash128 digest() const = 0;
  /// The examples of this rank in epoch `epoch`, in the order in which they are taken: as many for each rank,
  /// a whole number of global batches. A function of seed and epoch alone.
  virtual std::vector<int64_t> order(int64_t epoch) const = 0;
  /// Throws Error naming the example and what is wrong with it. Any thread, one at a time.
  virtual LoadedBatch load(const std::vector<int64_t>& examples) const = 0;
  /// How messages call an example.
  virtual std::string name(int64_t example) const = 0;
  /// Before the first load: features of pictures are looked up there.
  virtual void use_feature_cache(std::shared_ptr<const data::FeatureCache> cache) = 0;
  /// What the user should know about the data, line by line.
  virtual std::vector<std::string> notes() const { return {}; }
};

}  // namespace cobra::train
