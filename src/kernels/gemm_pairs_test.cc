// The product of column pairs, called directly: on machines with AMX the engine does not take it.
#include "kernels/gemm_pairs.h"

#include <gtest/gtest.h>

#include <cmath>

#include "compare.h"
#include "kernels/kernel_case.h"
#include "kernels/kernel_table.h"

namespace cobra {
namespace {

using testing::random_blocks;
using testing::random_values;

TEST(GemmPairs, SumsPairsOverAnyDepthRowsAndTiles) {
  if (!has_avx512_bf16()) GTEST_SKIP() << "no AVX512-BF16 on this machine";
  for (const int64_t K : {2, 1280, 1282, 2562}) {
    for (const int64_t M : {1, 4, 8, 9, 13}) {
      for (const int64_t tiles : {1, 2, 3, 4}) {
        std::vector<BFloat16> A, B;
        for (const float v : random_values(M * K, 1)) A.push_back(to_bfloat16(v));
        for (const float v : random_values(tiles * kTileRows * K, 2)) B.push_back(to_bfloat16(v));
        std::vector<float> C(static_cast<size_t>(M * tiles * kTileRows), NAN);
        avx512_gemm_pairs(M, K, tiles, A.data(), B.data(), C.data());
        for (int64_t i = 0; i < std::ssize(C); ++i) {
          const int64_t m = i / (tiles * kTileRows), t = i / kTileRows % tiles, r = i % kTileRows;
          double sum = 0;
          for (int64_t k = 0; k < K; ++k) {
            const int64_t at = ((t * K + k) / 2 * kTileRows + r) * 2 + k % 2;
            sum += double{to_float(A[static_cast<size_t>(m * K + k)])} * to_float(B[static_cast<size_t>(at)]);
          }
          ASSERT_NEAR(C[static_cast<size_t>(i)], sum, 1e-4 * std::sqrt(static_cast<double>(K)))
              << "K " << K << " M " << M << " tiles " << tiles << " at " << i;
        }
      }
    }
  }
}

TEST(GemmPairs, WeightsExpandToPairs) {
  constexpr int64_t kRows = 40, K = 512, kTiles = 3;
  for (const KernelTable& table : available_kernels()) {
    if (!table.expand_pairs) continue;
    for (const DType type : {DType::bf16, DType::q8_0, DType::q4_0, DType::q4_k, DType::q6_k}) {
      const std::vector<std::byte> blocks = random_blocks(type, kRows, K, 3);
      const PackedMatrix packed =
          is_quantized(type) ? pack_matrix(type, kRows, K, blocks.data(), 1) : PackedMatrix{};
      const WeightMatrix w = is_quantized(type) ? packed.view : WeightMatrix{type, kRows, K, blocks.data()};
      std::vector<BFloat16> B(static_cast<size_t>(kTiles * kTileRows * K));
      table.expand_pairs(w, 0, kTiles, B.data());
      std::vector<float> row(static_cast<size_t>(K));
      for (int64_t r = 0; r < kTiles * kTileRows; ++r) {
        if (r < kRows) copy_row(w, r, row.data());
        for (int64_t k = 0; k < K; ++k) {
          const int64_t at = ((r / kTileRows * K + k) / 2 * kTileRows + r % kTileRows) * 2 + k % 2;
          const float expected = r < kRows ? to_float(to_bfloat16(row[static_cast<size_t>(k)])) : 0.0f;
          ASSERT_EQ(to_float(B[static_cast<size_t>(at)]), expected)
              << table.isa << " " << name(type) << " row " << r << " column " << k;
        }
      }
    }
  }
}

}  // namespace
}  // namespace cobra
