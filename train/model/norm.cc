#include "train/model/norm.h"

namespace cobra::train {

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  return x * torch::rsqrt(x.square().mean(-1, true) + eps) * weight;
}

}  // namespace cobra::train
