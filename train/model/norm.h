// Normalisations, always in float32.
#pragma once

#include "train/torch.h"

namespace cobra::train {

/// x / sqrt(mean(x^2) + eps) * weight over the last dimension.
Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps);

}  // namespace cobra::train
