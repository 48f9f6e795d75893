// What this machine can do at most, measured: the figures that speeds are read against.
#pragma once

#include <cstdint>

#include "cobra/model.h"

namespace cobra::bench {

struct Ceilings {
  double read_gb_per_s = 0;            // memory read by all threads, every word added up
  double bf16_tflop_per_s = 0;         // this program's products of a prompt, weights as the model has them
  double int8_tflop_per_s = 0;         // this program's products of 16 tokens with quantised weights
  double onednn_bf16_tflop_per_s = 0;  // oneDNN's own product of the same shape, weights ready in its type
  bool bf16 = false;                   // whether the last one is bfloat16; float32 where the machine has none
};

/// Shapes are those of the model's in_proj. Each figure is the best of `repeats`.
Ceilings measure_ceilings(const Model& model, int64_t repeats);

}  // namespace cobra::bench
