// Every instruction set's kernels against the reference: sizes around the vector width, misaligned buffers,
// canaries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/fail.h"
#include "compare.h"
#include "kernels/block_product.h"
#include "kernels/kernel_case.h"

namespace cobra {
namespace {

using testing::Guarded;
using testing::near;
using testing::random_values;
using Floats = std::vector<float>;

constexpr int64_t kSizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 257};

class KernelTableTest : public ::testing::TestWithParam<std::string> {
 protected:
  const KernelTable& tested = find_kernels(GetParam());
  const KernelTable& reference = reference_kernels();

  /// Runs `apply(table, x)` in place on guarded copies of x under both tables and compares.
  template <class Apply>
  void expect_same(const Floats& x, double absolute, double relative, const Apply& apply) {
    Guarded<float> a(std::ssize(x)), b(std::ssize(x));
    std::copy(x.begin(), x.end(), a.data());
    std::copy(x.begin(), x.end(), b.data());
    apply(tested, a.data());
    apply(reference, b.data());
    EXPECT_TRUE(near(a.values(), b.values(), absolute, relative)) << "size " << x.size();
  }
};

/// Otherwise the tests below would compare the reference with itself.
TEST_P(KernelTableTest, HasKernelsOfItsOwn) {
  EXPECT_EQ(tested.isa, GetParam());
  if (tested.isa == reference.isa) return;
  const auto own = [&](auto kernel) { return tested.*kernel != reference.*kernel; };
  using T = KernelTable;
  EXPECT_TRUE(own(&T::rms_norm) && own(&T::layer_norm) && own(&T::softmax)) << "norms";
  EXPECT_TRUE(own(&T::softmax_numerators)) << "attention in bfloat16";
  EXPECT_TRUE(own(&T::to_bfloat16) && own(&T::to_bfloat16_chunk)) << "rounding";
  EXPECT_TRUE(own(&T::causal_conv1d_silu) && own(&T::selective_scan)) << "Mamba";
  EXPECT_TRUE(own(&T::causal_conv1d_silu_backward) && own(&T::selective_scan_backward)) << "gradients";
  EXPECT_TRUE(own(&T::quantize_row) && own(&T::dot_packed) && own(&T::dot_plain)) << "decode";
  EXPECT_TRUE(own(&T::quantize_row_16) && own(&T::dot_packed_16)) << "prompts in 16 bits";
  EXPECT_TRUE(own(&T::finish_product)) << "results";
  EXPECT_TRUE(own(&T::widen)) << "plain types";
  EXPECT_EQ(own(&T::expand_pairs), tested.isa == "avx512-vnni" && has_avx512_bf16()) << "bfloat16";
  EXPECT_TRUE(own(&T::gemm_f32)) << "float32 product";
}

TEST_P(KernelTableTest, Norms) {
  for (const int64_t n : kSizes) {
    const Floats x = random_values(n, 1, 3), w = random_values(n, 2), b = random_values(n, 3);
    expect_same(x, 2e-6, 2e-6, [&](const KernelTable& t, float* v) { t.rms_norm(v, w.data(), 1e-5f, n, v); });
    expect_same(x, 4e-6, 4e-6,
                [&](const KernelTable& t, float* v) { t.layer_norm(v, w.data(), b.data(), 1e-6f, n, v); });
  }
}

/// What overflows before it must not become a plausible row.
TEST_P(KernelTableTest, SoftmaxKeepsNaN) {
  for (const float value :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Floats x = random_values(40, 4);
    x[0] = value;
    tested.softmax(x.data(), 1.0f, 40);
    for (const float v : x) EXPECT_TRUE(std::isnan(v)) << v;
  }
}

/// Bit by bit: what is done to a product does not depend on the machine.
TEST_P(KernelTableTest, FinishesProducts) {
  for (const int64_t cols : {1, 5, 16, 37, 64}) {
    for (int options = 0; options < 8; ++options) {
      const int64_t rows = 19, ld = cols + 3, stride = cols + 5;
      const Floats product = random_values(rows * ld, 1), bias = random_values(cols, 2),
                   scale = random_values(cols, 3), before = random_values(rows * stride, 4);
      Finish part{.product = product.data(),
                  .ld = ld,
                  .rows = rows,
                  .cols = cols,
                  .bias = options & 1 ? bias.data() : nullptr,
                  .scale = options & 2 ? scale.data() : nullptr,
                  .add = (options & 4) != 0,
                  .stride = stride};
      Guarded<float> a(rows * stride), b(rows * stride);
      for (const auto& [table, out] : {std::pair{&tested, &a}, std::pair{&reference, &b}}) {
        std::copy(before.begin(), before.end(), out->data());
        part.out = out->data();
        table->finish_product(part);
      }
      EXPECT_EQ(a.values(), b.values()) << cols << " columns, options " << options;
      if (part.add) continue;
      Guarded<BFloat16> c(rows * stride);
      part.rounded = c.data();
      tested.finish_product(part);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t i = r * stride; i < r * stride + cols; ++i) {
          EXPECT_EQ(c.data()[i].bits, to_bfloat16(b.data()[i]).bits) << cols << " columns, at " << i;
        }
      }
    }
  }
}

TEST(FinishProduct, AddsTheBiasBeforeItScalesAndKeepsWhatLiesBetweenRows) {
  const float product[] = {1, 2, 9, 3, 4, 9}, bias[] = {10, 20}, scale[] = {2, 3};
  Floats out = {100, 200, -1, 300, 400, -1};
  reference_kernels().finish_product({.product = product,
                                      .ld = 3,
                                      .rows = 2,
                                      .cols = 2,
                                      .bias = bias,
                                      .scale = scale,
                                      .add = true,
                                      .out = out.data(),
                                      .stride = 3});
  EXPECT_EQ(out, (Floats{100 + 22, 200 + 66, -1, 300 + 26, 400 + 72, -1}));
}

TEST_P(KernelTableTest, Softmax) {
  for (const int64_t n : kSizes) {
    expect_same(random_values(n, 4, 20), 1e-7, 4e-6,
                [&](const KernelTable& t, float* v) { t.softmax(v, 0.125f, n); });
  }
}

TEST_P(KernelTableTest, SoftmaxNumerators) {
  constexpr int64_t kStride = 45;
  constexpr float kScale = 0.125f;
  for (const int64_t n : kSizes) {
    const Floats x = random_values(n, 4, 20);
    const int64_t chunks = (n + 31) / 32, size = (chunks - 1) * kStride + 32;
    Guarded<BFloat16> a(size), b(size);
    EXPECT_NEAR(tested.softmax_numerators(x.data(), kScale, n, a.data(), kStride) /
                    reference.softmax_numerators(x.data(), kScale, n, b.data(), kStride),
                1, 2e-6);
    for (int64_t i = 0; i < 32 * chunks; ++i) {
      const float e = to_float(b.data()[i / 32 * kStride + i % 32]);
      EXPECT_NEAR(to_float(a.data()[i / 32 * kStride + i % 32]), e, e * 0x1p-7f + 1e-30f)
          << n << ", at " << i;
      EXPECT_TRUE(i < n || e == 0.0f) << n << ", at " << i;
    }
  }
}

TEST_P(KernelTableTest, SoftmaxNumeratorsKeepNaN) {
  for (const float value :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    for (const size_t at : {0, 33, 39}) {
      Floats x = random_values(40, 4);
      x[at] = value;
      std::vector<BFloat16> out(64);
      EXPECT_TRUE(std::isnan(tested.softmax_numerators(x.data(), 1.0f, 40, out.data(), 32))) << value << at;
    }
  }
}

TEST_P(KernelTableTest, Activations) {
  Floats x = random_values(1000, 5, 3);
  for (int i = -800; i <= 800; ++i) x.push_back(static_cast<float>(i) / 100);
  x.insert(x.end(), {0.0f, -0.0f, 1e-30f, 80.0f, -80.0f, 3.9f, -3.96f, 5.5f, -110.0f, -200.0f, 1e4f, -1e4f});
  const auto activated = [&](Activation activation) {
    return [n = std::ssize(x), activation](const KernelTable& t, float* v) {
      t.finish_product(
          {.product = v, .ld = n, .rows = 1, .cols = n, .activation = activation, .out = v, .stride = n});
    };
  };
  // float32 rounding of 1 + erf limits what either side can give: 6e-8 times x.
  expect_same(x, 3e-7, 1e-6, activated(Activation::gelu));
  expect_same(x, 3e-7, 2e-6, activated(Activation::quick_gelu));
}

TEST_P(KernelTableTest, BFloat16Rounding) {
  Floats x = random_values(1001, 6, 10);
  x.insert(x.end(), {1.0f + 0x1p-8f, 1.0f + 3 * 0x1p-8f, 3.4e38f, -1e-40f, NAN, INFINITY});
  Guarded<BFloat16> a(std::ssize(x)), b(std::ssize(x));
  tested.to_bfloat16(x.data(), std::ssize(x), a.data());
  reference.to_bfloat16(x.data(), std::ssize(x), b.data());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(a.data()[i].bits, b.data()[i].bits) << x[i];
}

TEST_P(KernelTableTest, BFloat16Chunks) {
  constexpr int64_t kRows = 5, kStride = 40;
  const Floats x = random_values(kRows * kStride, 7);
  for (const int64_t cols : {1, 15, 16, 20, 32}) {
    Guarded<BFloat16> a(kRows * 32), b(kRows * 32);
    const ChunkSource source{x.data(), x.data() + 17, kStride, kRows, cols};
    tested.to_bfloat16_chunk(source, a.data());
    reference.to_bfloat16_chunk(source, b.data());
    for (int64_t i = 0; i < kRows * 32; ++i)
      ASSERT_EQ(a.data()[i].bits, b.data()[i].bits) << cols << " at " << i;
  }
}

/// Where exp(-x) leaves float32, silu is 0 below, within 1e-32, and x above. The error is that of rounding
/// x log2(e) where, in SSE4, multiply-adds round twice.
TEST_P(KernelTableTest, SiluOfLargeValues) {
  const Floats weight(16, 1.0f), bias(16, 0.0f);
  const Floats x = {-60, -88, -90, -104, -105, -127, -150, -177, -179, -200, -1000, -1e6, 89, 105, 200, 1e6};
  expect_same(x, 1e-32, 3e-6, [&](const KernelTable& t, float* v) {
    Floats state(16);
    t.causal_conv1d_silu({1, 1, weight.data(), bias.data(), state.data(), v});
  });
}

TEST_P(KernelTableTest, CausalConv) {
  for (const int taps : {2, 4, 8}) {
    const Floats weight = random_values(taps * 16, 7), bias = random_values(16, 8);
    for (const int64_t L : {1, 2, 3, 4, 5, 63, 64, 65, 130}) {
      Floats state_a = random_values(taps * 16, 9), state_b = state_a;
      expect_same(random_values(L * 16, 10), 2e-6, 2e-6, [&](const KernelTable& t, float* v) {
        Floats& state = &t == &tested ? state_a : state_b;
        t.causal_conv1d_silu({L, taps, weight.data(), bias.data(), state.data(), v});
      });
      EXPECT_EQ(state_a, state_b) << "the state is a copy of inputs: L " << L << ", taps " << taps;
    }
  }
}

/// A scan problem with the magnitudes of a trained model.
struct ScanCase {
  int64_t L;
  int states;
  Floats x, dt, z, bc, A, D, dt_bias, state;

  /// `speed` scales A: with 1 some factors exp(dt A) are below 2^-126, with 0.02 none is.
  ScanCase(int64_t L_, int states_, float speed = 1)
      : L(L_),
        states(states_),
        x(random_values(L * 16, 11)),
        dt(random_values(L * 16, 12, 2)),
        z(random_values(L * 16, 13, 2)),
        bc(random_values(L * 2 * states, 14)),
        A(random_values(states * 16, 15)),
        D(random_values(16, 16)),
        dt_bias(random_values(16, 17)),
        state(random_values(states * 16, 18)) {
    for (size_t i = 0; i < A.size(); ++i) A[i] = -speed * std::exp(A[i]) * static_cast<float>(1 + i / 16);
  }
  ScanTile tile(float* state_, float* y, int64_t first = 0, int64_t steps = -1) const {
    const float* row = bc.data() + first * 2 * states;
    return {steps < 0 ? L : steps,
            states,
            x.data() + first * 16,
            dt.data() + first * 16,
            z.data() + first * 16,
            row,
            row + states,
            2 * states,
            A.data(),
            D.data(),
            dt_bias.data(),
            state_,
            y};
  }
};

constexpr float kSpeeds[] = {1.0f, 0.02f};

TEST_P(KernelTableTest, SelectiveScan) {
  for (const float speed : kSpeeds) {
    for (const int states : {1, 4, 16, 18}) {
      for (const int64_t L : {1, 2, 63, 64, 65, 200}) {
        const ScanCase c(L, states, speed);
        Floats state_a = c.state, state_b = c.state;
        Guarded<float> a(L * 16), b(L * 16);
        tested.selective_scan(c.tile(state_a.data(), a.data()));
        reference.selective_scan(c.tile(state_b.data(), b.data()));
        const auto what = ::testing::Message() << "L " << L << ", states " << states << ", speed " << speed;
        EXPECT_TRUE(near(a.values(), b.values(), 5e-5, 2e-5)) << what;
        EXPECT_TRUE(near(state_a, state_b, 5e-6, 4e-6)) << what;
      }
    }
  }
}

/// Pieces of a few steps are always scanned as if factors might be below 2^-126, long ones if some might be.
TEST_P(KernelTableTest, ScanInPiecesIsTheSameScan) {
  for (const float speed : kSpeeds) {
    const ScanCase c(130, 18, speed);
    for (const int64_t cut : {1, 7, 64, 129}) {
      Floats whole = c.state, pieces = c.state, y_whole(130 * 16), y_pieces(130 * 16);
      tested.selective_scan(c.tile(whole.data(), y_whole.data()));
      tested.selective_scan(c.tile(pieces.data(), y_pieces.data(), 0, cut));
      tested.selective_scan(c.tile(pieces.data(), y_pieces.data() + cut * 16, cut, 130 - cut));
      EXPECT_EQ(y_whole, y_pieces) << "cut at " << cut << ", speed " << speed;
      EXPECT_EQ(whole, pieces) << "cut at " << cut << ", speed " << speed;
    }
  }
}

/// The exponential of the scan against libm: h = exp(dt A) shows it alone when x is 0 and the state 1. dt is
/// 1 in the first step and about 0 in others.
TEST_P(KernelTableTest, ScanExponentialIsExact) {
  for (const int64_t steps : {1, 20}) {  // the second is long enough for the form without a lower limit
    for (float a = -0.0001f; a > -120.0f; a *= 1.07f) {
      ScanCase c(steps, 4);
      std::fill(c.x.begin(), c.x.end(), 0.0f);
      std::fill(c.A.begin(), c.A.end(), a);
      std::fill(c.dt.begin(), c.dt.end(), -80.0f);
      std::fill_n(c.dt.begin(), 16, 0.541324854612918f);  // softplus gives 1
      std::fill(c.dt_bias.begin(), c.dt_bias.end(), 0.0f);
      Floats state(4 * 16, 1.0f), y(static_cast<size_t>(steps * 16));
      tested.selective_scan(c.tile(state.data(), y.data()));
      // The argument's own rounding costs |a| * 6e-8 or so; the polynomial and its rounding the rest.
      EXPECT_NEAR(state[5], std::exp(double{a}), std::exp(double{a}) * (3e-7 + 2.5e-7 * -a) + 1.2e-38) << a;
    }
  }
}

/// With A 0, x and B 1 and an empty state, the state after a step is dt.
TEST_P(KernelTableTest, ScanSoftplusIsExact) {
  for (float raw = -78.0f; raw < 60.0f; raw += 0.37f) {
    ScanCase c(1, 1);
    std::fill(c.x.begin(), c.x.end(), 1.0f);
    std::fill(c.bc.begin(), c.bc.end(), 1.0f);
    std::fill(c.A.begin(), c.A.end(), 0.0f);
    std::fill(c.dt.begin(), c.dt.end(), raw);
    std::fill(c.dt_bias.begin(), c.dt_bias.end(), 0.0f);
    Floats state(16), y(16);
    tested.selective_scan(c.tile(state.data(), y.data()));
    const double expected = std::log1p(std::exp(double{raw}));
    // Without fused multiply-adds, in SSE4, rounding raw * log2(e) costs |raw| * 6e-8 more.
    EXPECT_NEAR(state[5], expected, expected * (4e-7 + (tested.isa == "sse4" ? 7e-8 * std::abs(raw) : 0)));
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, KernelTableTest, ::testing::ValuesIn(testing::all_isas()), testing::IsaName());

TEST(KernelTables, UnknownIsaNamesTheOthers) {
  EXPECT_EQ(available_kernels().back().isa, "reference");
  try {
    find_kernels("mmx");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("reference"));
  }
}

}  // namespace
}  // namespace cobra
