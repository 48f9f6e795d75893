#include "train/model/selective_scan.h"

namespace cobra::train {

Tensor plain_selective_scan(const ScanInputs& in) {
  const int64_t L = in.x.size(1);
  const Tensor dt = torch::softplus(in.dt + in.dt_bias), dt_x = dt * in.x;
  Tensor h = torch::zeros({in.x.size(0), in.x.size(2), in.A.size(1)}, in.x.options());
  std::vector<Tensor> y;
  for (int64_t t = 0; t < L; ++t) {
    const Tensor decay = torch::exp(dt.select(1, t).unsqueeze(-1) * in.A);             // [B, d_inner, N]
    h = decay * h + dt_x.select(1, t).unsqueeze(-1) * in.B.select(1, t).unsqueeze(1);  // [B, d_inner, N]
    y.push_back(torch::matmul(h, in.C.select(1, t).unsqueeze(-1)).squeeze(-1));        // [B, d_inner]
  }
  return (torch::stack(y, 1) + in.x * in.D) * torch::silu(in.z);
}

Tensor selective_scan(const ScanInputs& inputs) { return plain_selective_scan(inputs); }

}  // namespace cobra::train
