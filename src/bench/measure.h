// How fast a model is here, each figure beside what the machine's ceilings allow.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/ceilings.h"
#include "bench/figure.h"
#include "bench/repeated.h"
#include "cobra/model.h"

namespace cobra::bench {

/// The groups of figures, in the order in which they are measured.
const std::vector<std::string>& group_names();

struct Plan {
  std::string model_path;
  std::vector<std::string> only;  // groups; empty: all
  Effort effort{.repeats = 3, .limit_s = 120};
  std::vector<int64_t> prompts = {128, 768, 4096};
  std::vector<int64_t> depths = {0, 768, 16384, 131072};
  std::vector<int64_t> batches = {1, 2, 4, 8, 16, 32};
  int64_t new_tokens = 64;
  std::function<void(const std::string& what)> progress;

  bool wants(const std::string& group) const;
};

struct BenchResult {
  Ceilings ceilings;
  CeilingMeter::Samples ceiling_samples;
  std::vector<Figure> figures;
  std::string isa;
  int threads = 0;
  bool w8a8 = false;
  int64_t file_bytes = 0, decode_bytes = 0, state_bytes = 0;
  double prompt_token_operations = 0, head_operations = 0;
  double picture_operations = 0;  // 0 without towers
};

/// Loads the model and measures what the plan wants. Decoding at a depth whose reading would take longer than
/// the plan's limit begins from a state that has read less and is only told the position
/// (Figure::tokens_read). Throws Error for a model that cannot be loaded or a folder for temporary files that
/// cannot be written.
BenchResult measure(const Plan& plan, const Runtime& runtime);

}  // namespace cobra::bench
