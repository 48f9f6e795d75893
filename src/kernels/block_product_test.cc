// Products of blocks, called directly, by every unit: where a machine has no AMX its instructions are
// emulated.
#include "kernels/block_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "amx_emulator.h"
#include "compare.h"
#include "kernels/kernel_case.h"
#include "kernels/kernels.h"

namespace cobra {
namespace {

using testing::random_values;
using testing::relative_error;
using testing::TestMatrix;

/// The named unit, or null where it cannot run; while it lives, AMX is emulated if need be.
class UsableUnit {
 public:
  explicit UsableUnit(const std::string& name) {
    if (name == "avx512" && has_avx512_bf16()) unit_ = avx512_block_unit();
    if (name != "amx") return;
    if (has_amx_bf16()) unit_ = amx_block_unit();
#if COBRA_CAN_EMULATE_AMX
    if (unit_) return;
    emulator_.emplace();
    emulated_ = true;
    unit_ = amx_block_unit();
#endif
  }
  const BlockUnit* get() const { return unit_; }
  bool is_emulated() const { return emulated_; }

 private:
  const BlockUnit* unit_ = nullptr;
  bool emulated_ = false;
#if COBRA_CAN_EMULATE_AMX
  std::optional<testing::AmxEmulator> emulator_;
#endif
};

int64_t emulated_products() {
#if COBRA_CAN_EMULATE_AMX
  return testing::AmxEmulator::products();
#else
  return 0;
#endif
}

class BlockUnitTest : public ::testing::TestWithParam<std::string> {
 protected:
  UsableUnit usable{GetParam()};
  const BlockUnit* unit = usable.get();

  void SetUp() override {
    if (!unit) GTEST_SKIP() << "no " << GetParam() << " on this machine";
  }
};

std::vector<BFloat16> random_bfloat16(int64_t n, uint32_t seed) {
  std::vector<BFloat16> values;
  for (const float v : random_values(n, seed)) values.push_back(to_bfloat16(v));
  return values;
}

TEST_P(BlockUnitTest, SumsAnyDepthRowsAndTiles) {
  constexpr int64_t kAllRows = 80, kAllTiles = 4, kDepth = 160, kLdc = 70;
  const int64_t R = unit->chunk_rows;
  const std::vector<BFloat16> A = random_bfloat16(kDepth * kAllRows, 1),
                              B = random_bfloat16(kAllTiles * kTileRows * kDepth, 2);
  const std::vector<float> start = random_values(kAllRows * kLdc, 3);
  const auto a = [&](int64_t m, int64_t k) {
    return double{to_float(A[static_cast<size_t>(m / R * R * kDepth + (k / 32 * R + m % R) * 32 + k % 32)])};
  };
  const auto b = [&](int64_t n, int64_t k) {
    return double{
        to_float(B[static_cast<size_t>(n / 16 * kTileRows * kDepth + (k / 2 * 16 + n % 16) * 2 + k % 2)])};
  };
  const int64_t emulated_before = emulated_products();
  unit->begin();
  for (const int64_t depth : {int64_t{32}, int64_t{64}, 32 + unit->depth_step, int64_t{160}}) {
    for (const int64_t rows : {1, 2, 7, 8, 16, 17, 31, 32, 64}) {
      for (int64_t tiles = 1; tiles <= unit->tiles && rows <= unit->rows; ++tiles) {
        for (const bool add : {false, true}) {
          for (const auto& [c_stride, ldc] :
               {std::pair{kTileRows, kLdc}, {kAllRows * kTileRows, kTileRows}}) {
            std::vector<float> C = start;
            std::vector<bool> may_change(C.size());
            unit->multiply({A.data(), R * kDepth, rows, B.data(), kTileRows * kDepth, tiles, C.data(),
                            c_stride, ldc, depth, add});
            for (int64_t m = 0; m < (rows + R - 1) / R * R; ++m) {
              for (int64_t n = 0; n < tiles * kTileRows; ++n) {
                const auto at = static_cast<size_t>(n / kTileRows * c_stride + m * ldc + n % kTileRows);
                may_change[at] = true;
                if (m >= rows) continue;
                double sum = add ? start[at] : 0;
                for (int64_t k = 0; k < depth; ++k) sum += a(m, k) * b(n, k);
                ASSERT_NEAR(C[at], sum, 1e-4) << "row " << m << " column " << n << " of " << rows << " rows, "
                                              << tiles << " tiles, depth " << depth << ", ldc " << ldc;
              }
            }
            for (size_t at = 0; at < C.size(); ++at) {
              ASSERT_TRUE(may_change[at] || C[at] == start[at]) << "written at " << at << ", ldc " << ldc;
            }
          }
        }
      }
    }
  }
  unit->end();
  EXPECT_EQ(emulated_products() > emulated_before, usable.is_emulated()) << "tiles did the work";
}

/// A product of many panels, rows and blocks of depth, by Kernels::linear.
TEST_P(BlockUnitTest, MakesWholeProductsTheSameForAnyThreadsAndCompany) {
  KernelTable table = find_kernels("");
  table.block_unit = unit;
  const auto run = [&](const WeightMatrix& w, const float* x, int64_t M, int threads) {
    Workspace workspace;
    std::vector<float> y(static_cast<size_t>(M * w.rows));
    Kernels(table, threads, workspace, Phase::prefill)
        .linear(TensorView<const float>(x, M, w.cols), w, TensorView<float>(y.data(), M, w.rows));
    return y;
  };
  struct Shape {
    DType type;
    int64_t M, N, K;
  };
  for (const auto& [type, M, N, K] :
       {Shape{DType::q8_0, 37, 520, 608}, Shape{DType::q4_k, 33, 100, 512}, Shape{DType::bf16, 20, 72, 2600},
        Shape{DType::bf16, 450, 40, 200}, Shape{DType::bf16, 5, 17, 77}}) {
    const TestMatrix matrix(type, N, K, 4);
    const WeightMatrix& w = matrix.view;
    const std::vector<float> x = random_values(M * K, 5), y = run(w, x.data(), M, 1);
    std::vector<float> expected(y.size());
    for (int64_t n = 0; n < N; ++n) {
      for (int64_t m = 0; m < M; ++m) {
        double sum = 0;
        for (int64_t k = 0; k < K; ++k) {
          sum += double{to_float(to_bfloat16(x[static_cast<size_t>(m * K + k)]))} *
                 to_float(to_bfloat16(matrix.values[static_cast<size_t>(n * K + k)]));
        }
        expected[static_cast<size_t>(m * N + n)] = static_cast<float>(sum);
      }
    }
    EXPECT_LE(relative_error(y, expected), 1e-6) << name(type) << " K " << K;
    EXPECT_EQ(y, run(w, x.data(), M, 2));
    EXPECT_EQ(y, run(w, x.data(), M, 3));
    const std::vector<float> alone = run(w, x.data() + 3 * K, 1, 1);
    EXPECT_EQ(alone, std::vector<float>(y.begin() + 3 * N, y.begin() + 4 * N)) << "a row alone";
  }
}

TEST_P(BlockUnitTest, MlpIsItsLayersOneAfterTheOther) {
  KernelTable table = find_kernels("");
  table.block_unit = unit;
  Workspace workspace;
  for (const DType type : {DType::bf16, DType::q8_0}) {
    for (const int64_t M : {1, 37, 48}) {
      testing::expect_mlp_is_its_layers(Kernels(table, 2, workspace, Phase::prefill), type, M);
    }
  }
}

/// Attention by block products beside attention in float32; 290 keys are deeper than a block of AMX's.
TEST_P(BlockUnitTest, AttendsAsInFloat32) {
  constexpr int kHeads = 2;
  KernelTable table = find_kernels("");
  table.block_unit = unit;
  for (const auto& [S, head_dim] : {std::pair<int64_t, int64_t>{290, 24}, {150, 72}, {45, 12}, {1, 64}}) {
    const int64_t d = kHeads * head_dim;
    const std::vector<float> qkv = random_values(S * 3 * d, 6);
    const auto run = [&](DType weights, int threads) {
      Workspace workspace;
      std::vector<float> out(static_cast<size_t>(S * d));
      Kernels(table, threads, workspace, Phase::prefill)
          .attention(TensorView<const float>(qkv.data(), S, 3 * d), kHeads, weights,
                     TensorView<float>(out.data(), S, d));
      return out;
    };
    const std::vector<float> expected = run(DType::f32, 1), out = run(DType::q8_0, 1);
    EXPECT_LE(relative_error(out, expected), 8e-3) << S << " rows, head_dim " << head_dim;
    EXPECT_EQ(out, run(DType::q8_0, 3)) << S << " rows, head_dim " << head_dim;
  }
}

INSTANTIATE_TEST_SUITE_P(Unit, BlockUnitTest, ::testing::Values(std::string("amx"), std::string("avx512")),
                         testing::IsaName());

TEST(BlockUnits, TheBestIsOneTheMachineHas) {
  const BlockUnit* best = best_block_unit();
  EXPECT_EQ(best, has_amx_bf16() ? amx_block_unit() : has_fast_avx512_bf16() ? avx512_block_unit() : nullptr);
}

#if COBRA_CAN_EMULATE_AMX
/// The emulator refuses what a machine would: otherwise the tests above could not fail by it.
TEST(AmxEmulatorDeathTest, RefusesTilesWithoutConfiguration) {
  if (has_amx_bf16()) GTEST_SKIP() << "this machine needs no emulator";
  const auto multiply_unconfigured = [] {
    const testing::AmxEmulator emulator;
    std::vector<BFloat16> A(512), B(512);
    std::vector<float> C(256);
    amx_block_unit()->multiply({A.data(), 512, 16, B.data(), 512, 1, C.data(), 16, 16, 32, false});
  };
  EXPECT_EXIT(multiply_unconfigured(), ::testing::KilledBySignal(SIGILL), "");
}
#endif

class ExpandPairsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ExpandPairsTest, IsTheReferences) {
  const KernelTable& table = find_kernels(GetParam());
  constexpr int64_t kRows = 40, kTiles = 3;
  for (const auto& [type, K] : {std::pair<DType, int64_t>{DType::bf16, 512},
                                {DType::bf16, 77},
                                {DType::q8_0, 512},
                                {DType::q4_0, 512},
                                {DType::q4_k, 512},
                                {DType::q5_k, 512},
                                {DType::q6_k, 512}}) {
    const TestMatrix w(type, kRows, K, 3);
    for (int64_t t = 0; t < kTiles; ++t) {
      for (const auto& [first, cols] : {std::pair<int64_t, int64_t>{0, 512}, {64, 32}, {32, 96}}) {
        testing::Guarded<BFloat16> out(16 * cols);
        table.expand_pairs(w.view, t, first, cols, out.data());
        const std::vector<BFloat16> pairs = out.values();
        for (int64_t r = 0; r < kTileRows; ++r) {
          const int64_t n = t * kTileRows + r;
          for (int64_t c = 0; c < cols; ++c) {
            const bool there = n < kRows && first + c < K;
            const float expected =
                there ? to_float(to_bfloat16(w.values[static_cast<size_t>(n * K + first + c)])) : 0.0f;
            ASSERT_EQ(to_float(pairs[static_cast<size_t>((c / 2 * 16 + r) * 2 + c % 2)]), expected)
                << name(type) << " tile " << t << " row " << r << " column " << first + c;
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, ExpandPairsTest, ::testing::ValuesIn(testing::all_isas()), testing::IsaName());

}  // namespace
}  // namespace cobra
