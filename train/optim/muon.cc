#include "train/optim/muon.h"

#include <algorithm>
#include <cmath>

namespace cobra::train {
namespace {

constexpr double kMomentum = 0.95;
// An update's root mean square. That of AdamW's updates is 0.2 to 0.4 (arXiv 2502.16982, which takes 0.2).
constexpr double kUpdateScale = 0.3;
// x -> a x + b x^3 + c x^5, five times, brings what lies between 0 and 1 near 1 (Jordan et al.).
constexpr int kIterations = 5;
constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;

}  // namespace

bool is_hidden_matrix(const Parameter& parameter) {
  return parameter.value.dim() == 2 && parameter.name.ends_with(".weight") &&
         !parameter.name.ends_with("embedding.weight") && !parameter.name.ends_with("lm_head.weight");
}

Tensor orthogonalized(const Tensor& matrix) {
  const bool tall = matrix.size(0) > matrix.size(1);
  Tensor x = tall ? matrix.t() : matrix;  // the products are as large as the smaller side
  x = x / (x.norm() + 1e-7);
  for (int i = 0; i < kIterations; ++i) {
    const Tensor gram = torch::matmul(x, x.t());
    x = kA * x + torch::matmul(kB * gram + kC * torch::matmul(gram, gram), x);
  }
  return tall ? x.t() : x;
}

void muon_update(Tensor value, Tensor momentum, double learning_rate) {
  const Tensor& gradient = value.grad();
  momentum.mul_(kMomentum).add_(gradient, 1 - kMomentum);
  if (!gradient.any().item<bool>()) return;
  const Tensor ahead = momentum * kMomentum + gradient * (1 - kMomentum);  // Nesterov's
  const double longer = static_cast<double>(std::max(value.size(0), value.size(1)));
  value.add_(orthogonalized(ahead), -learning_rate * kUpdateScale * std::sqrt(longer));
}

}  // namespace cobra::train
