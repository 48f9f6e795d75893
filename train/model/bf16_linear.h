// x W^T with bfloat16 inputs and float32 sums, and its gradients in the same way.
#pragma once

#include "train/torch.h"

namespace cobra::train {

/// x [..., in] float32, weight [out, in] float32 -> [..., out] float32. What is kept for the gradient is
/// bfloat16.
Tensor bf16_linear(const Tensor& x, const Tensor& weight);

}  // namespace cobra::train
