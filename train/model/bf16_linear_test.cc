// bfloat16 products against the same rounded inputs in double precision.
#include "train/model/bf16_linear.h"

#include "train/testing/reference_training.h"

namespace cobra::train::testing {
namespace {

Tensor rounded(const Tensor& x) { return x.to(torch::kBFloat16).to(torch::kFloat64); }

double error(const Tensor& actual, const Tensor& expected) {
  if (actual.sizes() != expected.sizes()) return HUGE_VAL;
  return ((actual.to(torch::kFloat64) - expected).abs().max() / expected.abs().max()).item<double>();
}

TEST(Bf16LinearTest, OutputAndGradientsAreProductsOfRoundedInputs) {
  torch::manual_seed(1);
  for (const auto& [rows, in, out] : {std::tuple{1, 1, 1}, {3, 5, 7}, {33, 16, 64}, {130, 100, 36}}) {
    Tensor x = torch::randn({2, rows, in}).requires_grad_(), w = torch::randn({out, in}).requires_grad_();
    const Tensor dy = torch::randn({2, rows, out});
    const Tensor y = bf16_linear(x, w);
    y.backward(dy);
    EXPECT_EQ(y.scalar_type(), torch::kFloat32);
    const double bound = 1e-6 * std::sqrt(2.0 * rows * std::max(in, out));  // float32 sums
    EXPECT_LE(error(y, rounded(x).matmul(rounded(w).t())), bound);
    EXPECT_LE(error(x.grad(), rounded(dy).matmul(rounded(w))), bound);
    const Tensor dy_rows = rounded(dy).view({-1, out}), x_rows = rounded(x).view({-1, in});
    EXPECT_LE(error(w.grad(), dy_rows.t().mm(x_rows)), bound);
  }
}

TEST(Bf16LinearTest, SlicesOfColumnsAndFrozenWeights) {
  torch::manual_seed(2);
  const Tensor wide = torch::randn({4, 9, 12}).requires_grad_(), w = torch::randn({6, 5});
  const Tensor y = bf16_linear(wide.slice(2, 3, 8), w);
  EXPECT_LE(error(y, rounded(wide.slice(2, 3, 8)).matmul(rounded(w).t())), 1e-5);
  y.sum().backward();
  EXPECT_FALSE(w.grad().defined());
  EXPECT_EQ(wide.grad().slice(2, 0, 3).abs().max().item<float>(), 0);
  EXPECT_LE(error(wide.grad().slice(2, 3, 8), torch::ones({4, 9, 6}, torch::kFloat64).matmul(rounded(w))),
            1e-5);
}

}  // namespace
}  // namespace cobra::train::testing
