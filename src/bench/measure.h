// How fast a model is here, each figure beside what the machine's ceilings allow.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/ceilings.h"

namespace cobra::bench {

struct Figure {
  std::string name;            // "decode at depth 768"
  std::string unit;            // "tokens/s", "ms", "GB"
  std::vector<double> values;  // of each run
  double ceiling = 0;          // in the same unit, what the ceilings allow; 0: none applies
  double depth = -1;           // tokens read before, where a figure is one of a row over depths

  double value() const;
  /// Near 1 is as fast as the machine; NaN without a ceiling.
  double fraction_of_ceiling() const;
};

struct Plan {
  std::string model_path;
  int64_t repeats = 3;
  std::vector<int64_t> prompts = {128, 768, 4096};
  std::vector<int64_t> depths = {0, 768, 4096};  // decode; each is read in earnest
  std::vector<int64_t> batches = {1, 2, 4, 8, 16, 32};
  int64_t new_tokens = 64;
  std::function<void(const std::string& what)> progress;
};

struct BenchResult {
  Ceilings ceilings;
  std::vector<Figure> figures;
  int64_t state_bytes = 0;
};

/// Loads the model at `plan.model_path` again to time it; `model` is the same file.
BenchResult measure(const Model& model, const Plan& plan);

}  // namespace cobra::bench
