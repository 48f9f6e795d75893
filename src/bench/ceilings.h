// What this machine can do at most, measured: the figures that speeds are read against.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cobra/config.h"
#include "cobra/runtime.h"
#include "kernels/gemm_onednn.h"

namespace cobra::bench {

/// Rows of the products that are measured.
inline constexpr int kPromptTokens = 768, kFewTokens = 16;

struct Ceilings {
  double read_gb_per_s = 0;     // memory read by all threads, every word added up
  double bf16_tflop_per_s = 0;  // this program's product of a prompt with bfloat16 weights
  double int8_top_per_s = 0;    // this program's product of 16 tokens with q8_0 weights
  double onednn_bf16_tflop_per_s =
      0;                        // oneDNN's own product of a prompt, weights in the layout it likes best
  bool own_in_bf16 = false;     // whether products of a prompt are made in bfloat16 here, ours and
  bool onednn_in_bf16 = false;  // oneDNN's; in float32 otherwise
};

/// oneDNN's product of a prompt and the model's in_proj, [kPromptTokens, d_model] x [d_model, 2 d_inner],
/// with weights in the layout that it likes best and random values, since some machines multiply zeros
/// faster.
class PromptProduct {
 public:
  PromptProduct(const MambaConfig& config, int threads);
  /// The rate of one run.
  double tflop_per_s();

 private:
  double operations_;
  OneDnnProduct product_;
};

/// Samples the ceilings again and again through a run, because a shared machine's change with the minute.
/// Products have the shape and values of PromptProduct. Memory is taken for a sample only.
class CeilingMeter {
 public:
  CeilingMeter(const MambaConfig& config, const Runtime& runtime);

  /// `runs` samples of each ceiling.
  void sample(int64_t runs);
  Ceilings medians() const;
  /// How memory is read fastest here (prefetch_helps), once there is a sample.
  bool read_prefetches() const { return read_prefetches_.value(); }

  struct Samples {
    std::vector<double> read_gb_per_s, bf16_tflop_per_s, int8_top_per_s, onednn_bf16_tflop_per_s;
  };
  const Samples& samples() const { return samples_; }

 private:
  MambaConfig config_;
  Runtime runtime_;
  std::optional<bool> read_prefetches_;
  Samples samples_;

  void sample_reads(int64_t runs);
  void sample_products(int64_t runs);
};

}  // namespace cobra::bench
