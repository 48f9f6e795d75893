// The selective scan with its gradients. Source: Mamba (arXiv 2312.00752), algorithm 2; mamba_ssm 1.2.2's
// selective_scan_ref.
#pragma once

#include "train/torch.h"

namespace cobra::train {

struct ScanInputs {
  Tensor x;        // [B, L, d_inner], after convolution and SiLU
  Tensor dt;       // [B, L, d_inner], before bias and softplus
  Tensor A;        // [d_inner, N], negative
  Tensor B, C;     // [B, L, N]
  Tensor D;        // [d_inner]
  Tensor z;        // [B, L, d_inner], the gate before SiLU
  Tensor dt_bias;  // [d_inner]
};

/// y [B, L, d_inner]: h = exp(dt A) h + dt x B, y = (C h + D x) silu(z), from h = 0.
Tensor selective_scan(const ScanInputs& inputs);

/// The same in plain tensor operations: any device, any type.
Tensor plain_selective_scan(const ScanInputs& inputs);

}  // namespace cobra::train
