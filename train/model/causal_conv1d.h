// Depthwise causal convolution over time, then SiLU, with gradients. Source: Mamba's conv1d.
#pragma once

#include "train/torch.h"

namespace cobra::train {

/// x [B, L, d_inner], weight [d_inner, 1, taps], bias [d_inner] -> [B, L, d_inner]. Inputs before the first
/// are zero.
Tensor causal_conv1d_silu(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// The same in plain tensor operations: any device, any type.
Tensor plain_causal_conv1d_silu(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace cobra::train
