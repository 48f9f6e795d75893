// Checkpoints of a run: <run>/checkpoints/step-00000500/ with what learns, the optimiser's state, and how far
// the run is. A folder of that name is always complete.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "train/step/step.h"

namespace cobra::train {

/// What a run goes on with that its checkpoints do not hold, as digests: it must be what the run began with.
struct Origin {
  std::string examples;
  std::string model;   // configuration, tokenizer and what does not learn
  std::string recipe;  // what every loss depends on
};

class Checkpoints {
 public:
  /// `folder` is made when the first is written.
  Checkpoints(std::string folder, int64_t keep) : folder_(std::move(folder)), keep_(keep) {}

  /// Writes the state after `step` updates, then removes all but the last `keep`. Whatever fails before that
  /// leaves the earlier ones as they are. Throws Error naming the path. All ranks call it; the first writes,
  /// and never holds more of the others' state than one rank has.
  void save(const Trainer& trainer, int64_t step, const Origin& origin) const;

  /// The last one's number of updates.
  std::optional<int64_t> latest() const;
  /// Puts trainer and model where they were after `step` updates, with whatever number of ranks it was
  /// written. Every rank reads the folder. Throws Error when a file is missing, damaged or does not fit
  /// the model, or when the checkpoint is of a run with another origin.
  void load(int64_t step, Trainer& trainer, const Origin& origin) const;

  std::string path(int64_t step) const;

 private:
  std::string folder_;
  int64_t keep_;
  void write(const Trainer& trainer, int64_t step, const Origin& origin, const std::string& folder) const;
  void remove_old() const;
};

}  // namespace cobra::train
