// Products with weights: packed layouts, both phases, every type, every instruction set.
#include <gtest/gtest.h>

#include "base/fail.h"
#include "compare.h"
#include "kernels/kernel_case.h"
#include "kernels/kernels.h"
#include "kernels/packed_tile.h"

namespace cobra {
namespace {

using testing::Guarded;
using testing::near;
using testing::random_blocks;
using testing::random_values;
using testing::relative_error;
using testing::TestMatrix;
using Floats = std::vector<float>;

constexpr DType kTypes[] = {DType::f32,  DType::f16,  DType::bf16, DType::q8_0,
                            DType::q4_0, DType::q4_k, DType::q5_k, DType::q6_k};

/// x w^T in double precision.
Floats product(const Floats& x, const TestMatrix& w) {
  const int64_t K = w.view.cols, N = w.view.rows, M = std::ssize(x) / K;
  Floats y(static_cast<size_t>(M * N));
  for (int64_t m = 0; m < M; ++m) {
    for (int64_t n = 0; n < N; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < K; ++k)
        sum += double{x[static_cast<size_t>(m * K + k)]} * w.values[static_cast<size_t>(n * K + k)];
      y[static_cast<size_t>(m * N + n)] = static_cast<float>(sum);
    }
  }
  return y;
}

TEST(PackedLayout, KeepsEveryValue) {
  for (const DType type : kTypes) {
    for (const int64_t rows : {1, 15, 16, 17, 40}) {
      const TestMatrix w(type, rows, 512);
      Floats row(512);
      for (int64_t r = 0; r < rows; ++r) {
        copy_row(w.view, r, row.data());
        const Floats expected(w.values.begin() + r * 512, w.values.begin() + (r + 1) * 512);
        ASSERT_EQ(row, expected) << name(type) << " row " << r;
      }
    }
  }
}

TEST(PackedLayout, DoesNotDependOnThreads) {
  for (const DType type : {DType::q8_0, DType::q4_k, DType::q6_k}) {
    const TestMatrix one(type, 70, 512), two(type, 70, 512, 1, 2);
    ASSERT_EQ(one.view.bytes(), two.view.bytes());
    EXPECT_EQ(std::memcmp(one.view.data, two.view.data, static_cast<size_t>(one.view.bytes())), 0)
        << name(type);
  }
}

TEST(PackedLayout, TakesTheBytesOfTheFile) {
  EXPECT_EQ(TestMatrix(DType::q8_0, 32, 256).view.bytes(), 32 * row_bytes(DType::q8_0, 256));
  EXPECT_EQ(TestMatrix(DType::q4_0, 32, 256).view.bytes(), 32 * row_bytes(DType::q4_0, 256));
  EXPECT_LE(TestMatrix(DType::q4_k, 32, 256).view.bytes(), 32 * row_bytes(DType::q4_k, 256) * 103 / 100);
}

/// A half of every kind that a block has, in the first and the last row and block, on two threads.
TEST(PackedLayout, TellsScalesThatAreNotFinite) {
  struct Half {
    DType type;
    int64_t at;
  };
  constexpr int64_t kRows = 40, kCols = 512;
  for (const auto& [type, at] :
       {Half{DType::q8_0, 0}, Half{DType::q4_0, 0}, Half{DType::q4_k, 0}, Half{DType::q4_k, 2},
        Half{DType::q5_k, 0}, Half{DType::q5_k, 2}, Half{DType::q6_k, 208}}) {
    const std::vector<std::byte> blocks = random_blocks(type, kRows, kCols, 1);
    EXPECT_EQ(pack_matrix(type, kRows, kCols, blocks.data(), 2).damaged_tile, -1) << name(type);
    for (const uint16_t bits : {0x7c00, 0xfc00, 0x7e00, 0xfdff}) {
      const int64_t last_block = std::ssize(blocks) - traits(type).block_bytes;
      for (const auto& [block, tile] : {std::pair{int64_t{0}, 0}, std::pair{last_block, 2}}) {
        std::vector<std::byte> damaged = blocks;
        std::memcpy(damaged.data() + block + at, &bits, sizeof bits);
        EXPECT_EQ(pack_matrix(type, kRows, kCols, damaged.data(), 2).damaged_tile, tile) << name(type);
      }
    }
  }
}

/// A table that makes prompts in bfloat16, as it is on machines that make them in float32 and in 16 bits.
constexpr std::string_view kWithoutBFloat16 = "-without-bfloat16";

std::vector<std::string> all_ways() {
  std::vector<std::string> names = testing::all_isas();
  for (const KernelTable& table : available_kernels()) {
    if (table.block_unit) names.push_back(std::string(table.isa).append(kWithoutBFloat16));
  }
  return names;
}

KernelTable table_named(std::string name) {
  if (!name.ends_with(kWithoutBFloat16)) return find_kernels(name);
  KernelTable table = find_kernels(name.substr(0, name.size() - kWithoutBFloat16.size()));
  table.block_unit = nullptr;
  return table;
}

class LinearTest : public ::testing::TestWithParam<std::string> {
 protected:
  const KernelTable table = table_named(GetParam());
  Workspace workspace;

  Floats run(Phase phase, const Floats& x, const TestMatrix& w, int threads = 1, const Epilogue& e = {}) {
    const int64_t M = std::ssize(x) / w.view.cols;
    Guarded<float> y(M * w.view.rows);
    Kernels(table, threads, workspace, phase)
        .linear(TensorView<const float>(x.data(), M, w.view.cols), w.view,
                TensorView<float>(y.data(), M, w.view.rows), e);
    return y.values();
  }
};

/// Float32 sums in another order: about sqrt(K) roundings. bfloat16 products round both inputs to 8 bits;
/// otherwise activations meet quantised weights in 16 bits, a step of 1/32767 of 512 columns' largest value.
double prefill_bound(const KernelTable& table, DType type) {
  if (table.block_unit && type != DType::f32 && type != DType::f16) return 1e-2;
  return is_quantized(type) ? 5e-5 : 2e-6;
}

/// Eight-bit activations: a step of 1/127 of each block's largest value, averaged over K.
double decode_bound(DType type) { return is_quantized(type) ? 1.2e-2 : 2e-6; }

TEST_P(LinearTest, MatchesDoublePrecision) {
  for (const DType type : kTypes) {
    for (const int64_t N : {1, 15, 16, 33, 100}) {
      for (const int64_t M : {1, 2, 3, 5, 40}) {
        const TestMatrix w(type, N, 512);
        const Floats x = random_values(M * 512, 2), expected = product(x, w);
        EXPECT_LE(relative_error(run(Phase::prefill, x, w), expected), prefill_bound(table, type))
            << "prefill " << name(type) << " M " << M << " N " << N;
        EXPECT_LE(relative_error(run(Phase::decode, x, w), expected),
                  N > 1 || M > 1 ? decode_bound(type) : 0.1)
            << "decode " << name(type) << " M " << M << " N " << N;
      }
    }
  }
}

TEST_P(LinearTest, PrefillInEightBitsIsWhatDecodeMakes) {
  constexpr int64_t kRows = 70, kCols = 100, K = 512;
  for (const DType type : kTypes) {
    const TestMatrix w(type, kCols, K);
    const Floats x = random_values(kRows * K, 2);
    Guarded<float> y(kRows * kCols);
    Kernels(table, 2, workspace, Phase::prefill, {.w8a8 = true})
        .linear(TensorView<const float>(x.data(), kRows, K), w.view,
                TensorView<float>(y.data(), kRows, kCols));
    EXPECT_EQ(y.values(), run(is_quantized(type) ? Phase::decode : Phase::prefill, x, w)) << name(type);
  }
}

TEST_P(LinearTest, OddDepthsOfPlainTypes) {
  for (const int64_t K : {1, 3, 7, 17, 100}) {
    const TestMatrix w(DType::bf16, 20, K);
    const Floats x = random_values(4 * K, 3);
    EXPECT_LE(relative_error(run(Phase::decode, x, w), product(x, w)), 3e-6) << K;
    EXPECT_LE(relative_error(run(Phase::prefill, x, w), product(x, w)), prefill_bound(table, DType::bf16))
        << K;
  }
}

/// Sums within a block are exact integers: every instruction set gives the reference's values but for the
/// last float32 bits.
TEST_P(LinearTest, IntegerProductsEqualTheReferenceKernels) {
  constexpr int64_t kRows = 11, kCols = 48,
                    K = 768;  // groups of 6, 4, 2 and 1 rows; a second scale in 16 bits
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_k, DType::q5_k, DType::q6_k}) {
    const TestMatrix w(type, kCols, K);
    Floats x = random_values(kRows * K, 4);
    for (size_t i = 600; i < x.size(); i += K) x[i] = 40;  // the second scale is another
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      if (phase == Phase::prefill && table.block_unit) continue;
      const Floats fast = run(phase, x, w);
      Floats plain(fast.size());
      Workspace other;
      Kernels(reference_kernels(), 1, other, phase)
          .linear(TensorView<const float>(x.data(), kRows, K), w.view,
                  TensorView<float>(plain.data(), kRows, kCols));
      EXPECT_LE(relative_error(fast, plain), 3e-6) << name(type);
    }
  }
}

/// The largest 16-bit activations and quants of one sign: the sums of a block stay within 32 bits.
TEST_P(LinearTest, SumsIn16BitsDoNotOverflow) {
  constexpr int64_t K = 512;
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_k, DType::q5_k, DType::q6_k}) {
    std::vector<std::byte> blocks(static_cast<size_t>(16 * row_bytes(type, K)));
    for (int64_t r = 0; r < 16; ++r)
      quantize_row(type, Floats(K, -1.0f).data(), blocks.data() + r * row_bytes(type, K), K);
    const TestMatrix w(type, 16, K, std::move(blocks));
    const Floats x(K, 100.0f), expected = product(x, w);
    EXPECT_LE(relative_error(run(Phase::prefill, x, w), expected), prefill_bound(table, type)) << name(type);
  }
}

TEST_P(LinearTest, SameBitsForAnyThreadsAndAnyCompany) {
  constexpr int64_t kRows = 130, K = 512;
  const Floats x = random_values(kRows * K, 5);
  for (const DType type : {DType::f32, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_k, DType::q6_k}) {
    for (const int64_t N : {600, 136}) {  // the last panel is narrower, by tiles or within one
      const TestMatrix w(type, N, K);
      for (const Phase phase : {Phase::prefill, Phase::decode}) {
        const Floats one = run(phase, x, w, 1);
        EXPECT_EQ(one, run(phase, x, w, 2)) << name(type);
        EXPECT_EQ(one, run(phase, x, w, 3)) << name(type);
        EXPECT_EQ(Floats(one.begin() + N, one.begin() + 2 * N),
                  run(phase, {x.begin() + K, x.begin() + 2 * K}, w))
            << name(type) << ": a row alone";
      }
    }
  }
}

TEST_P(LinearTest, ProductsTogetherAreTheSameAsEachAlone) {
  const int64_t K = 512;
  for (const DType type : kTypes) {
    const TestMatrix wide(type, 70, K, 2), narrow(type, 33, K, 3);
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      for (const int64_t M : {1, 37}) {
        const Floats x = random_values(M * K, 4);
        Guarded<float> a(M * 70), b(M * 33);
        const Product products[] = {{wide.view, TensorView<float>(a.data(), M, 70)},
                                    {narrow.view, TensorView<float>(b.data(), M, 33)}};
        Kernels(table, 2, workspace, phase).linear(TensorView<const float>(x.data(), M, K), products);
        EXPECT_EQ(a.values(), run(phase, x, wide)) << name(type) << ", rows " << M;
        EXPECT_EQ(b.values(), run(phase, x, narrow)) << name(type) << ", rows " << M;
      }
    }
  }
}

TEST_P(LinearTest, ProductsTogetherMustBeOfOneType) {
  const TestMatrix a(DType::q8_0, 16, 32), b(DType::f32, 16, 32);
  const Floats x(32);
  Floats y(16), z(16);
  const Product products[] = {{a.view, TensorView<float>(y.data(), 1, 16)},
                              {b.view, TensorView<float>(z.data(), 1, 16)}};
  const Kernels kernels(table, 1, workspace, Phase::decode);
  EXPECT_THROW(kernels.linear(TensorView<const float>(x.data(), 1, 32), products), Error);
}

TEST_P(LinearTest, EpilogueAddsBiasActivatesScalesAndAccumulates) {
  const TestMatrix w(DType::f32, 33, 64);
  const Floats x = random_values(5 * 64, 6), bias = random_values(33, 7), scale = random_values(33, 8);
  Floats expected = product(x, w), start = random_values(5 * 33, 9), y = start;
  for (size_t i = 0; i < expected.size(); ++i) {
    const float sum = expected[i] + bias[i % 33], gelu = 0.5f * sum * (1 + std::erf(sum / std::sqrt(2.0f)));
    expected[i] = start[i] + scale[i % 33] * gelu;
  }
  for (const Phase phase : {Phase::prefill, Phase::decode}) {
    y = start;
    Kernels(table, 2, workspace, phase)
        .linear(TensorView<const float>(x.data(), 5, 64), w.view, TensorView<float>(y.data(), 5, 33),
                {.bias = bias.data(),
                 .activation = Activation::gelu,
                 .scale = scale.data(),
                 .add_to_output = true});
    EXPECT_TRUE(near(y, expected, 2e-5));
  }
}

/// Damaged weights or an overflow before it: rounding activations must not make them plausible.
TEST_P(LinearTest, WhatIsNotFiniteShowsInTheProduct) {
  constexpr int64_t kCols = 1024;
  for (const DType type : kTypes) {
    const TestMatrix w(type, 20, kCols);
    for (const float value : {NAN, INFINITY, -INFINITY}) {
      for (const size_t at : {5, 600, 1023}) {
        Floats x = random_values(kCols, 4);
        x[at] = value;
        for (const Phase phase : {Phase::prefill, Phase::decode}) {
          const Floats y = run(phase, x, w);
          EXPECT_TRUE(std::none_of(y.begin(), y.end(), [](float v) { return std::isfinite(v); }))
              << name(type) << ", " << value << " at " << at;
        }
      }
    }
  }
}

TEST_P(LinearTest, MlpIsItsLayersOneAfterTheOther) {
  for (const DType type : kTypes) {
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      for (const int64_t M : {1, 37}) {
        testing::expect_mlp_is_its_layers(Kernels(table, 2, workspace, phase), type, M);
      }
    }
  }
}

TEST_P(LinearTest, MlpLayersMustFit) {
  const TestMatrix w(DType::f32, 16, 32);
  const Floats x(32);
  Floats y(16);
  const MlpLayer twice[] = {{w.view}, {w.view}};
  const Kernels kernels(table, 1, workspace, Phase::prefill);
  const TestMatrix half(DType::bf16, 16, 32);
  const MlpLayer once[] = {{half.view}};
  EXPECT_THROW(
      kernels.mlp(TensorView<const float>(x.data(), 1, 31), once, TensorView<float>(y.data(), 1, 16)), Error);
  EXPECT_THROW(
      kernels.mlp(TensorView<const float>(x.data(), 1, 32), once, TensorView<float>(y.data(), 1, 15)), Error);
  EXPECT_THROW(
      kernels.mlp(TensorView<const float>(x.data(), 1, 32), twice, TensorView<float>(y.data(), 1, 16)),
      Error);
}

void copy_to_tiles(const Floats& rows, const TiledView<float>& tiles) {
  const int64_t K = tiles.channels;
  for (int64_t i = 0; i < tiles.L * K; ++i)
    tiles.tile(i % K / 16)[i / K * 16 + i % K % 16] = rows[static_cast<size_t>(i)];
}

TEST_P(LinearTest, ChannelTilesInAndOut) {
  constexpr int64_t L = 6, K = 40, N = 56;
  const TestMatrix w(DType::f32, N, K);
  const Floats x = random_values(L * K, 10), expected = product(x, w);
  Floats x_tiles(static_cast<size_t>(TiledView<float>::size(L, K)), NAN),
      y_tiles(static_cast<size_t>(TiledView<float>::size(L, N)));
  const TiledView<float> in{x_tiles.data(), L, K}, out{y_tiles.data(), L, N};
  copy_to_tiles(x, in);
  for (const Phase phase : {Phase::prefill, Phase::decode}) {
    Kernels(table, 2, workspace, phase).linear(in, w.view, out);
    Floats y;
    for (int64_t i = 0; i < L * N; ++i) y.push_back(out.tile(i % N / 16)[i / N * 16 + i % N % 16]);
    EXPECT_TRUE(near(y, expected, 1e-5));
  }
}

/// Deeper and taller than what the products take at a time.
TEST_P(LinearTest, DeepProductsFromRowsAndFromTiles) {
  constexpr int64_t L = 70, K = 2816, N = 56;
  const Floats x = random_values(L * K, 12);
  Floats x_tiles(static_cast<size_t>(TiledView<float>::size(L, K)));
  const TiledView<float> tiles{x_tiles.data(), L, K};
  copy_to_tiles(x, tiles);
  for (const DType type : {DType::bf16, DType::q8_0, DType::q4_k}) {
    const TestMatrix w(type, N, K);
    const Floats expected = product(x, w);
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      const Floats y = run(phase, x, w, 2);
      EXPECT_LE(relative_error(y, expected),
                std::max(1e-5, phase == Phase::prefill ? prefill_bound(table, type) : decode_bound(type)))
          << name(type);
      Floats from_tiles(y.size());
      Kernels(table, 2, workspace, phase).linear(tiles, w.view, TensorView<float>(from_tiles.data(), L, N));
      EXPECT_EQ(y, from_tiles) << name(type);
    }
  }
}

TEST_P(LinearTest, Attention) {
  constexpr int64_t S = 150;
  constexpr int kHeads = 3;
  for (const int64_t head_dim : {12, 16, 24}) {
    const int64_t d = kHeads * head_dim;
    const Floats qkv = random_values(S * 3 * d, 11);
    Floats out(static_cast<size_t>(S * d)), expected(out.size());
    for (int64_t i = 0; i < S; ++i) {
      for (int64_t h = 0; h < kHeads; ++h) {
        std::vector<double> p(S);
        double sum = 0;
        const auto at = [&](int64_t token, int64_t part, int64_t c) {
          return double{qkv[static_cast<size_t>(token * 3 * d + part * d + h * head_dim + c)]};
        };
        for (int64_t j = 0; j < S; ++j) {
          double score = 0;
          for (int64_t c = 0; c < head_dim; ++c) score += at(i, 0, c) * at(j, 1, c);
          sum += p[static_cast<size_t>(j)] = std::exp(score / std::sqrt(static_cast<double>(head_dim)));
        }
        for (int64_t c = 0; c < head_dim; ++c) {
          double value = 0;
          for (int64_t j = 0; j < S; ++j) value += p[static_cast<size_t>(j)] / sum * at(j, 2, c);
          expected[static_cast<size_t>(i * d + h * head_dim + c)] = static_cast<float>(value);
        }
      }
    }
    const auto attend = [&](DType weights) {
      Kernels(table, 2, workspace, Phase::prefill)
          .attention(TensorView<const float>(qkv.data(), S, 3 * d), kHeads, weights,
                     TensorView<float>(out.data(), S, d));
    };
    attend(DType::f32);
    EXPECT_TRUE(near(out, expected, 5e-6)) << head_dim;
    attend(DType::q8_0);
    EXPECT_LE(relative_error(out, expected), std::max(5e-6, prefill_bound(table, DType::q8_0))) << head_dim;
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, LinearTest, ::testing::ValuesIn(all_ways()), testing::IsaName());

}  // namespace
}  // namespace cobra
