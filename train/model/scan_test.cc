// The scan and the convolution on the engine's kernels against plain autograd in double precision, on random
// shapes.
#include "train/model/causal_conv1d.h"
#include "train/model/recompute.h"
#include "train/model/selective_scan.h"
#include "train/testing/reference_training.h"

namespace cobra::train::testing {
namespace {

struct Shape {
  int64_t batch, L, channels, states;
};

double error(const Tensor& actual, const Tensor& expected) {
  if (actual.sizes() != expected.sizes()) return HUGE_VAL;
  const double largest = expected.abs().max().item<double>();
  return (actual.to(torch::kFloat64) - expected).abs().max().item<double>() / std::max(largest, 1e-30);
}

Tensor leaf(const Tensor& values) { return values.detach().clone().requires_grad_(); }

/// Calls `compute` on the inputs as given and in double, then compares the outputs and all gradients.
void expect_same(const std::vector<Tensor>& inputs,
                 const std::function<Tensor(const std::vector<Tensor>&)>& fast,
                 const std::function<Tensor(const std::vector<Tensor>&)>& plain, double bound) {
  std::vector<Tensor> single, exact;
  for (const Tensor& input : inputs) {
    single.push_back(leaf(input));
    exact.push_back(leaf(input.to(torch::kFloat64)));
  }
  const Tensor y = fast(single), expected = plain(exact);
  EXPECT_LE(error(y, expected), bound);
  const Tensor dy = torch::randn(y.sizes());
  y.backward(dy);
  expected.backward(dy.to(torch::kFloat64));
  for (size_t i = 0; i < inputs.size(); ++i)
    EXPECT_LE(error(single[i].grad(), exact[i].grad()), bound) << "input " << i;
}

/// xz [B, L, 2 channels] and BC [B, L, 2 states] are sliced, as the model slices its products.
ScanInputs scan_inputs(const std::vector<Tensor>& t) {
  const std::vector<Tensor> xz = t[0].chunk(2, -1), bc = t[1].chunk(2, -1);
  return {xz[0], t[2], -torch::exp(t[3]), bc[0], bc[1], t[4], xz[1], t[5]};
}

std::vector<Tensor> random_scan(const Shape& s) {
  return {torch::randn({s.batch, s.L, 2 * s.channels}),
          torch::randn({s.batch, s.L, 2 * s.states}),
          torch::randn({s.batch, s.L, s.channels}),
          torch::rand({s.channels, s.states}) * 2,
          torch::randn({s.channels}),
          torch::randn({s.channels}) - 2};
}

TEST(ScanTest, AgreesWithPlainAutograd) {
  torch::manual_seed(3);
  for (const Shape& s :
       {Shape{1, 1, 1, 1}, {2, 7, 16, 16}, {1, 64, 24, 16}, {3, 65, 40, 3}, {2, 130, 80, 16}}) {
    SCOPED_TRACE(fmt::format("batch {} L {} channels {} states {}", s.batch, s.L, s.channels, s.states));
    expect_same(
        random_scan(s), [](const auto& t) { return selective_scan(scan_inputs(t)); },
        [](const auto& t) { return plain_selective_scan(scan_inputs(t)); }, 2e-5);
  }
}

TEST(ScanTest, PaddingOnTheRightTouchesNothing) {
  torch::manual_seed(4);
  const std::vector<Tensor> whole = random_scan({1, 70, 32, 16});
  std::vector<Tensor> padded, cut;
  for (const Tensor& t : whole) {
    padded.push_back(leaf(t));
    cut.push_back(leaf(t.dim() == 3 ? t.slice(1, 0, 50) : t));
  }
  const Tensor dy = torch::randn({1, 50, 32});
  const Tensor y = selective_scan(scan_inputs(padded)), expected = selective_scan(scan_inputs(cut));
  EXPECT_TRUE(torch::equal(y.slice(1, 0, 50), expected));
  y.slice(1, 0, 50).backward(dy);
  expected.backward(dy);
  for (size_t i = 0; i < whole.size(); ++i) {
    const Tensor gradient = padded[i].grad().dim() == 3 ? padded[i].grad().slice(1, 0, 50) : padded[i].grad();
    EXPECT_LE(error(gradient, cut[i].grad().to(torch::kFloat64)), 1e-6) << "input " << i;
  }
}

TEST(ConvTest, AgreesWithPlainAutograd) {
  torch::manual_seed(5);
  for (const auto& [batch, L, channels, taps] :
       {std::tuple{1, 1, 1, 4}, {2, 3, 16, 4}, {1, 64, 33, 2}, {2, 129, 48, 4}, {1, 20, 5, 9}}) {
    SCOPED_TRACE(fmt::format("batch {} L {} channels {} taps {}", batch, L, channels, taps));
    const std::vector<Tensor> inputs{torch::randn({batch, L, 2 * channels}),
                                     torch::randn({channels, 1, taps}), torch::randn({channels})};
    const auto slice = [channels = channels](const Tensor& t) { return t.slice(2, 0, channels); };
    expect_same(
        inputs, [&](const auto& t) { return causal_conv1d_silu(slice(t[0]), t[1], t[2]); },
        [&](const auto& t) { return plain_causal_conv1d_silu(slice(t[0]), t[1], t[2]); }, 5e-6);
  }
}

TEST(RecomputeTest, GradientsAreThoseOfTheFunction) {
  torch::manual_seed(6);
  const Tensor x = torch::randn({4, 5}), w = torch::randn({5, 5}).requires_grad_();
  const auto f = [&w](const Tensor& t) { return torch::tanh(t.matmul(w)); };
  const Tensor a = leaf(x), b = leaf(x);
  f(f(a)).sum().backward();
  const Tensor expected = w.grad().clone();
  w.mutable_grad() = Tensor();
  int calls = 0;
  const auto counted = [&](const Tensor& t) { return ++calls, f(t); };
  const Tensor y = recompute(counted, recompute(counted, b));
  EXPECT_EQ(calls, 2);
  y.sum().backward();
  EXPECT_EQ(calls, 4);
  EXPECT_TRUE(torch::equal(w.grad(), expected));
  EXPECT_TRUE(torch::equal(b.grad(), a.grad()));
}

}  // namespace
}  // namespace cobra::train::testing
