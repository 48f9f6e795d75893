// Linear layers, the only place where precision is chosen.
#pragma once

#include <string>

#include "train/model/parameters.h"
#include "train/torch.h"

namespace cobra::train {

/// How products are made. bf16: the two inputs are rounded to bfloat16, sums and result are float32, and the
/// same holds for both gradients; parameters, gradients and everything that is not a product stay float32.
enum class Precision { float32, bf16 };
Precision parse_precision(std::string_view text);

struct Linear {
  Tensor weight;  // [out, in]
  Tensor bias;    // [out], or undefined
};

/// "<name>.weight" and, where the model has it, "<name>.bias".
Linear bind_linear(const Parameters& parameters, const std::string& name);

/// x [..., in] -> [..., out]. x may be a slice of columns.
Tensor linear(const Tensor& x, const Linear& layer, Precision precision);

}  // namespace cobra::train
