// The reference's gradients of convolution and scan against finite differences in double precision, two
// blocks of steps handed on from the last to the first.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "kernels/reference_mamba.h"

namespace cobra {
namespace {

using Doubles = std::vector<double>;

constexpr int64_t kSteps = 9, kCut = 5;
constexpr int64_t kWidth = kTileChannels;

Doubles random_doubles(int64_t n, uint32_t seed, double scale = 1.0) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, scale);
  Doubles values(static_cast<size_t>(n));
  for (double& v : values) v = normal(random);
  return values;
}

double dot(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Every value's derivative of `loss` by central differences. Their own error is about 1e-10: step squared,
/// and rounding divided by the step.
void expect_gradient(const char* name, Doubles& values, const Doubles& gradient,
                     const std::function<double()>& loss) {
  constexpr double kStep = 1e-5;
  ASSERT_EQ(values.size(), gradient.size()) << name;
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    values[i] = value + kStep;
    const double above = loss();
    values[i] = value - kStep;
    const double below = loss();
    values[i] = value;
    const double expected = (above - below) / (2 * kStep);
    EXPECT_TRUE(std::fabs(gradient[i] - expected) <= 1e-8 + 1e-7 * std::fabs(expected))
        << name << "[" << i << "]: " << gradient[i] << ", expected " << expected;
  }
}

struct ConvProblem {
  int taps;
  Doubles x = random_doubles(kSteps * kWidth, 1), weight = random_doubles(taps * kWidth, 2),
          bias = random_doubles(kWidth, 3), dy = random_doubles(kSteps * kWidth, 4);

  double loss() const {
    Doubles state(static_cast<size_t>(taps * kWidth)), y = x;
    reference::causal_conv1d_silu<double>({.L = kSteps,
                                           .taps = taps,
                                           .weight = weight.data(),
                                           .bias = bias.data(),
                                           .state = state.data(),
                                           .x = y.data()});
    return dot(y, dy);
  }
};

TEST(MambaGradient, ConvMatchesFiniteDifferences) {
  for (const int taps : {1, 2, 4, 8}) {
    SCOPED_TRACE(taps);
    ConvProblem p{taps};
    Doubles padded(static_cast<size_t>((taps - 1) * kWidth)), carry(padded.size());
    padded.insert(padded.end(), p.x.begin(), p.x.end());
    Doubles dx(p.x.size()), dweight(p.weight.size()), dbias(p.bias.size());
    for (const auto& [begin, steps] : {std::pair{kCut, kSteps - kCut}, std::pair{int64_t{0}, kCut}}) {
      reference::causal_conv1d_silu_backward<double>({.L = steps,
                                                      .taps = taps,
                                                      .weight = p.weight.data(),
                                                      .bias = p.bias.data(),
                                                      .x = padded.data() + begin * kWidth,
                                                      .dy = p.dy.data() + begin * kWidth,
                                                      .carry = carry.data(),
                                                      .dx = dx.data() + begin * kWidth,
                                                      .dweight = dweight.data(),
                                                      .dbias = dbias.data()});
    }
    const auto loss = [&p] { return p.loss(); };
    expect_gradient("x", p.x, dx, loss);
    expect_gradient("weight", p.weight, dweight, loss);
    expect_gradient("bias", p.bias, dbias, loss);
  }
}

/// A scan from a given state; B and C side by side as the kernels may find them.
struct ScanProblem {
  int states;
  int64_t ld = 2 * states;
  Doubles x = random_doubles(kSteps * kWidth, 1), dt = random_doubles(kSteps * kWidth, 2, 2.0),
          z = random_doubles(kSteps * kWidth, 3, 2.0), bc = random_doubles(kSteps * ld, 4),
          A = random_doubles(states * kWidth, 5), D = random_doubles(kWidth, 6),
          dt_bias = random_doubles(kWidth, 7), state = random_doubles(states * kWidth, 8),
          dy = random_doubles(kSteps * kWidth, 9);

  explicit ScanProblem(int states_) : states(states_) {
    for (double& a : A) a = -std::exp(a);
    dt[3] = 25;  // where softplus is linear
  }
  /// Output of steps [begin, end); updates `h`.
  Doubles run(int64_t begin, int64_t end, Doubles& h) const {
    Doubles y(static_cast<size_t>((end - begin) * kWidth));
    reference::selective_scan<double>({.L = end - begin,
                                       .states = states,
                                       .x = x.data() + begin * kWidth,
                                       .dt = dt.data() + begin * kWidth,
                                       .z = z.data() + begin * kWidth,
                                       .B = bc.data() + begin * ld,
                                       .C = bc.data() + begin * ld + states,
                                       .ld_bc = ld,
                                       .A = A.data(),
                                       .D = D.data(),
                                       .dt_bias = dt_bias.data(),
                                       .state = h.data(),
                                       .y = y.data()});
    return y;
  }
  double loss() const {
    Doubles h = state;
    return dot(run(0, kSteps, h), dy);
  }
};

struct ScanGradient {
  Doubles x, dt, z, bc, A, D, dt_bias, state;

  explicit ScanGradient(const ScanProblem& p)
      : x(p.x.size()),
        dt(p.dt.size()),
        z(p.z.size()),
        bc(p.bc.size()),
        A(p.A.size()),
        D(p.D.size()),
        dt_bias(p.dt_bias.size()),
        state(p.state.size()) {}

  void add_block(const ScanProblem& p, int64_t begin, int64_t steps, const Doubles& before) {
    reference::selective_scan_backward<double>({.L = steps,
                                                .states = p.states,
                                                .x = p.x.data() + begin * kWidth,
                                                .dt = p.dt.data() + begin * kWidth,
                                                .z = p.z.data() + begin * kWidth,
                                                .B = p.bc.data() + begin * p.ld,
                                                .C = p.bc.data() + begin * p.ld + p.states,
                                                .ld_bc = p.ld,
                                                .A = p.A.data(),
                                                .D = p.D.data(),
                                                .dt_bias = p.dt_bias.data(),
                                                .state = before.data(),
                                                .dy = p.dy.data() + begin * kWidth,
                                                .dstate = state.data(),
                                                .dx = x.data() + begin * kWidth,
                                                .ddt = dt.data() + begin * kWidth,
                                                .dz = z.data() + begin * kWidth,
                                                .dB = bc.data() + begin * p.ld,
                                                .dC = bc.data() + begin * p.ld + p.states,
                                                .ld_dbc = p.ld,
                                                .dA = A.data(),
                                                .dD = D.data(),
                                                .ddt_bias = dt_bias.data()});
  }
};

TEST(MambaGradient, ScanMatchesFiniteDifferences) {
  for (const int states : {1, 3}) {
    SCOPED_TRACE(states);
    ScanProblem p(states);
    Doubles at_cut = p.state;
    p.run(0, kCut, at_cut);
    ScanGradient gradient(p);
    gradient.add_block(p, kCut, kSteps - kCut, at_cut);
    gradient.add_block(p, 0, kCut, p.state);
    const auto loss = [&p] { return p.loss(); };
    expect_gradient("x", p.x, gradient.x, loss);
    expect_gradient("dt", p.dt, gradient.dt, loss);
    expect_gradient("z", p.z, gradient.z, loss);
    expect_gradient("B | C", p.bc, gradient.bc, loss);
    expect_gradient("A", p.A, gradient.A, loss);
    expect_gradient("D", p.D, gradient.D, loss);
    expect_gradient("dt_bias", p.dt_bias, gradient.dt_bias, loss);
    expect_gradient("state", p.state, gradient.state, loss);
  }
}

}  // namespace
}  // namespace cobra
