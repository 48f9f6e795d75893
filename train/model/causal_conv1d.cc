#include "train/model/causal_conv1d.h"

namespace cobra::train {

Tensor plain_causal_conv1d_silu(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const int64_t L = x.size(1), taps = weight.size(2);
  const Tensor padded = torch::constant_pad_nd(x, {0, 0, taps - 1, 0});
  Tensor y = bias;
  for (int64_t j = 0; j < taps; ++j) y = y + padded.narrow(1, j, L) * weight.select(2, j).squeeze(1);
  return torch::silu(y);
}

Tensor causal_conv1d_silu(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return plain_causal_conv1d_silu(x, weight, bias);
}

}  // namespace cobra::train
