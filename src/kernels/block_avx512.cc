// AVX512-BF16: one instruction multiplies a pair of columns of 16 weights by a pair of activations.
#include "kernels/block_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>
#include <utility>

#include "kernels/weight_matrix.h"

namespace cobra {
namespace {

#define COBRA_BF16 __attribute__((target("avx512f,avx512bf16")))

constexpr int kRows = 8, kTiles = 3;  // 24 sums and what they are made of fit the 32 registers

COBRA_BF16 inline __m512bh broadcast_pair(const BFloat16* pair) {
  int32_t both = 0;
  std::memcpy(&both, pair, sizeof(both));
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(both));
}

template <int kRowCount, int kTileCount>
COBRA_BF16 void multiply_rows(const BlockProduct& p) {
  __m512 sums[kRowCount * kTileCount];
  for (int r = 0; r < kRowCount; ++r) {
    for (int t = 0; t < kTileCount; ++t) {
      sums[r * kTileCount + t] =
          p.add ? _mm512_loadu_ps(p.C + t * p.c_stride + r * p.ldc) : _mm512_setzero_ps();
    }
  }
  const BFloat16* B = p.B;
  for (int64_t k = 0; k < p.depth; k += 2, B += 2 * kTileRows) {  // one loop: two cost a wrong branch a chunk
    __m512bh columns[kTileCount];
    for (int t = 0; t < kTileCount; ++t) {
      columns[t] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(B + t * p.b_stride));
    }
    const BFloat16* pairs = p.A + k / kChunkCols * kRows * kChunkCols + k % kChunkCols;
    for (int r = 0; r < kRowCount; ++r) {
      const __m512bh pair = broadcast_pair(pairs + r * kChunkCols);
      for (int t = 0; t < kTileCount; ++t) {
        sums[r * kTileCount + t] = _mm512_dpbf16_ps(sums[r * kTileCount + t], pair, columns[t]);
      }
    }
  }
  for (int r = 0; r < kRowCount; ++r) {
    for (int t = 0; t < kTileCount; ++t) {
      _mm512_storeu_ps(p.C + t * p.c_stride + r * p.ldc, sums[r * kTileCount + t]);
    }
  }
}

/// The last rows of a product, fewer than kRows.
template <int kTileCount, int... kFewer>
void multiply_few(const BlockProduct& p, std::integer_sequence<int, kFewer...>) {
  ((p.rows == kFewer + 1 ? multiply_rows<kFewer + 1, kTileCount>(p) : void()), ...);
}

template <int kTileCount>
void multiply_tiles(BlockProduct p) {
  for (; p.rows >= kRows; p.rows -= kRows) {
    multiply_rows<kRows, kTileCount>(p);
    p.A += p.a_stride;
    p.C += kRows * p.ldc;
  }
  multiply_few<kTileCount>(p, std::make_integer_sequence<int, kRows - 1>());
}

void multiply(const BlockProduct& p) {
  if (p.tiles == 3) multiply_tiles<3>(p);
  if (p.tiles == 2) multiply_tiles<2>(p);
  if (p.tiles == 1) multiply_tiles<1>(p);
}

void nothing() {}

}  // namespace

const BlockUnit* avx512_block_unit() {
  static constexpr BlockUnit unit{.name = "avx512-bf16",
                                  .chunk_rows = kRows,
                                  .rows = 64,
                                  .tiles = kTiles,
                                  .depth_step = 2,
                                  .block_rows = 1024,
                                  .block_tiles = kTiles,
                                  .block_depth = 1280,
                                  .works_ahead = false,
                                  .multiply = multiply,
                                  .begin = nothing,
                                  .end = nothing};
  return &unit;
}

bool has_avx512_bf16() { return __builtin_cpu_supports("avx512bf16") != 0; }
bool has_fast_avx512_bf16() { return has_avx512_bf16() && __builtin_cpu_is("intel") == 0; }

}  // namespace cobra
#else
namespace cobra {

const BlockUnit* avx512_block_unit() { return nullptr; }
bool has_avx512_bf16() { return false; }
bool has_fast_avx512_bf16() { return false; }

}  // namespace cobra
#endif

namespace cobra {

const BlockUnit* best_block_unit() {
  if (has_amx_bf16()) return amx_block_unit();
  return has_fast_avx512_bf16() ? avx512_block_unit() : nullptr;
}

}  // namespace cobra
