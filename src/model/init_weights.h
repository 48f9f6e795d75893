// Random values of one tensor, computed from (seed, tensor, index) so that rows can be made in any order.
#pragma once

#include <cstdint>
#include <functional>

#include "model/schema.h"

namespace cobra {

/// Writes row `row` of the tensor.
using RowMaker = std::function<void(int64_t row, float* out)>;

/// The initial values that the official code would give a tensor of this name and shape (source: mamba_ssm's
/// Mamba module and _init_weights; timm's vision transformers for the towers).
RowMaker initial_values(const TensorSpec& spec, const ModelConfig& config, uint64_t seed);

}  // namespace cobra
