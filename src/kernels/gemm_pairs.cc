#include "kernels/gemm_pairs.h"

#include <algorithm>

#include "base/fail.h"
#include "kernels/gemm_onednn.h"
#include "kernels/weight_matrix.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

namespace cobra {
namespace {

#define COBRA_BF16 __attribute__((target("avx512f,avx512bf16")))

/// Columns of A that are multiplied before the next rows come: with them 3 tiles of B take 123 KB, of the
/// second-level cache, and 8 rows of A 20 KB, of the first.
constexpr int64_t kDepth = 1280;
constexpr int kRows = 8, kTiles = 3;  // 24 sums and what they are made of fit the 32 registers

COBRA_BF16 inline __m512bh broadcast_pair(const BFloat16* pair) {
  int32_t both = 0;
  std::memcpy(&both, pair, sizeof(both));
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(both));
}

/// A strip of A and C: rows, their leading dimensions, and `depth` columns from where the pointers stand.
struct Block {
  const BFloat16* A;
  int64_t lda;
  const BFloat16* B;
  int64_t tile_stride;
  float* C;
  int64_t ldc;
  int64_t depth;
  bool add;  // to what stands in C
};

template <int kRowCount, int kTileCount>
COBRA_BF16 void multiply(const Block& g) {
  __m512 sums[kRowCount * kTileCount];
  for (int r = 0; r < kRowCount; ++r) {
    for (int t = 0; t < kTileCount; ++t) {
      sums[r * kTileCount + t] =
          g.add ? _mm512_loadu_ps(g.C + r * g.ldc + t * kTileRows) : _mm512_setzero_ps();
    }
  }
  for (int64_t k = 0; k < g.depth; k += 2) {
    __m512bh columns[kTileCount];
    for (int t = 0; t < kTileCount; ++t) {
      columns[t] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(g.B + t * g.tile_stride + k * kTileRows));
    }
    for (int r = 0; r < kRowCount; ++r) {
      const __m512bh pair = broadcast_pair(g.A + r * g.lda + k);
      for (int t = 0; t < kTileCount; ++t) {
        sums[r * kTileCount + t] = _mm512_dpbf16_ps(sums[r * kTileCount + t], pair, columns[t]);
      }
    }
  }
  for (int r = 0; r < kRowCount; ++r) {
    for (int t = 0; t < kTileCount; ++t) {
      _mm512_storeu_ps(g.C + r * g.ldc + t * kTileRows, sums[r * kTileCount + t]);
    }
  }
}

template <int kTileCount>
void multiply_rows(Block g, int64_t rows) {
  while (rows > 0) {
    const int64_t done = rows >= kRows ? kRows : rows >= 4 ? 4 : 1;
    if (done == kRows) multiply<kRows, kTileCount>(g);
    if (done == 4) multiply<4, kTileCount>(g);
    if (done == 1) multiply<1, kTileCount>(g);
    g.A += done * g.lda;
    g.C += done * g.ldc;
    rows -= done;
  }
}

}  // namespace

void avx512_gemm_pairs(int64_t M, int64_t K, int64_t tiles, const BFloat16* A, const BFloat16* B, float* C) {
  for (int64_t k = 0; k < K; k += kDepth) {
    for (int64_t t = 0; t < tiles; t += kTiles) {
      const Block block{.A = A + k,
                        .lda = K,
                        .B = B + (t * K + k) * kTileRows,
                        .tile_stride = K * kTileRows,
                        .C = C + t * kTileRows,
                        .ldc = tiles * kTileRows,
                        .depth = std::min(kDepth, K - k),
                        .add = k > 0};
      const int64_t count = std::min<int64_t>(kTiles, tiles - t);
      if (count == 3) multiply_rows<3>(block, M);
      if (count == 2) multiply_rows<2>(block, M);
      if (count == 1) multiply_rows<1>(block, M);
    }
  }
}

bool has_avx512_bf16() { return __builtin_cpu_supports("avx512bf16") != 0; }

bool gemm_pairs_is_best() { return onednn_has_fast_bf16() && !onednn_has_amx() && has_avx512_bf16(); }

}  // namespace cobra
#else
namespace cobra {

void avx512_gemm_pairs(int64_t, int64_t, int64_t, const BFloat16*, const BFloat16*, float*) {
  fail("a product by AVX512-BF16 on a machine without it");
}

bool has_avx512_bf16() { return false; }
bool gemm_pairs_is_best() { return false; }

}  // namespace cobra
#endif
