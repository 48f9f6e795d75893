// Matrix products in float32. Every sum runs over k in order, in one chain of multiply-adds, so a row's result is
// the same bits whatever rows and columns are computed beside it; oneDNN's float32 product does not promise that.
// Blocking after Goto (ACM TOMS 34:3, 2008): a block of B is packed once into tiles of 16 columns, a few rows of A
// are packed into the first-level cache, and a small block of C stays in registers over the depth.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_gemm.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <vector>

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using F = hn::CappedTag<float, kTileRows>;
using V = hn::Vec<F>;

constexpr int64_t kDepth = 256;  // of a block: 12 rows of A take 12 KB, 512 columns of B half a megabyte
constexpr int kLanes = static_cast<int>(hn::MaxLanes(F()));
constexpr int kTiles = kLanes == kTileRows ? 2 : 1;  // of B beside each other
constexpr int kVectors = kTiles * kTileRows / kLanes;
/// Rows of C in registers: with 32 registers 24 sums, with 16 of them 12, or 8 where B takes four.
constexpr int kRows = kLanes == 16 ? 12 : HWY_TARGET == HWY_NEON || kLanes == 8 ? 6 : 2;

/// B[k0 .. k0 + depth) to tiles [N/16][depth][16]; columns past N are zeros, and there is a multiple of kTiles tiles.
void pack_b(const Gemm& g, const float* B, int64_t k0, int64_t depth, float* out) {
  const int64_t tiles = (g.N + kTileRows * kTiles - 1) / (kTileRows * kTiles) * kTiles;
  for (int64_t t = 0; t < tiles; ++t, out += depth * kTileRows) {
    const int64_t first = t * kTileRows, cols = std::clamp<int64_t>(g.N - first, 0, kTileRows);
    if (cols < kTileRows) std::memset(out, 0, static_cast<size_t>(depth * kTileRows) * sizeof(float));
    if (g.transpose_b) {
      for (int64_t c = 0; c < cols; ++c) {
        const float* column = B + (first + c) * g.ldb + k0;
        for (int64_t k = 0; k < depth; ++k) out[k * kTileRows + c] = column[k];
      }
    } else {
      for (int64_t k = 0; k < depth; ++k) {
        std::memcpy(out + k * kTileRows, B + (k0 + k) * g.ldb + first, static_cast<size_t>(cols) * sizeof(float));
      }
    }
  }
}

/// `rows` <= kRows rows of A to [depth][kRows]; missing rows are zeros.
void pack_a(const float* A, int64_t lda, int64_t rows, int64_t depth, float* out) {
  if (rows < kRows) std::memset(out, 0, static_cast<size_t>(depth * kRows) * sizeof(float));
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = A + r * lda;
    for (int64_t k = 0; k < depth; ++k) out[k * kRows + r] = row[k];
  }
}

/// C [kRows][kTiles * 16] (leading dimension ldc) = [C +] A B over one block of depth.
HWY_INLINE void multiply_block(const float* a, const float* b, int64_t depth, float* C, int64_t ldc, bool add) {
  const F d;
  V sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = add ? hn::LoadU(d, C + r * ldc + v * kLanes) : hn::Zero(d);
  }
  for (int64_t k = 0; k < depth; ++k, a += kRows) {
    V columns[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      constexpr int kPerTile = kTileRows / kLanes;
      columns[v] = hn::LoadU(d, b + (v / kPerTile * depth + k) * kTileRows + v % kPerTile * kLanes);
    }
    for (int r = 0; r < kRows; ++r) {
      const V value = hn::Set(d, a[r]);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(value, columns[v], sums[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sums[r][v], d, C + r * ldc + v * kLanes);
  }
}

/// The same at the edges of C, where only `rows` x `cols` values exist.
void multiply_edge(const float* a, const float* b, int64_t depth, float* C, int64_t ldc, bool add, int64_t rows,
                   int64_t cols) {
  constexpr int64_t kCols = kTiles * kTileRows;
  float block[kRows * kCols] = {};
  for (int64_t r = 0; add && r < rows; ++r) std::copy_n(C + r * ldc, cols, block + r * kCols);
  multiply_block(a, b, depth, block, kCols, add);
  for (int64_t r = 0; r < rows; ++r) std::copy_n(block + r * kCols, cols, C + r * ldc);
}

void gemm_f32(const Gemm& g, const float* A, const float* B, float* C) {
  constexpr int64_t kCols = kTiles * kTileRows;
  thread_local std::vector<float> packed_b;  // grows to the largest block and stays
  alignas(64) float packed_a[kDepth * kRows];
  const int64_t padded_cols = (g.N + kCols - 1) / kCols * kCols;
  packed_b.resize(std::max(packed_b.size(), static_cast<size_t>(padded_cols * std::min(kDepth, g.K))));
  for (int64_t k0 = 0; k0 < g.K; k0 += kDepth) {
    const int64_t depth = std::min(kDepth, g.K - k0);
    pack_b(g, B, k0, depth, packed_b.data());
    for (int64_t m = 0; m < g.M; m += kRows) {
      const int64_t rows = std::min<int64_t>(kRows, g.M - m);
      pack_a(A + m * g.lda + k0, g.lda, rows, depth, packed_a);
      for (int64_t n = 0; n < g.N; n += kCols) {
        const int64_t cols = std::min(kCols, g.N - n);
        const float* b = packed_b.data() + n * depth;
        float* c = C + m * g.ldc + n;
        if (rows == kRows && cols == kCols) {
          multiply_block(packed_a, b, depth, c, g.ldc, k0 > 0);
        } else {
          multiply_edge(packed_a, b, depth, c, g.ldc, k0 > 0, rows, cols);
        }
      }
    }
  }
}

}  // namespace

static void add_to(KernelTable& table) { table.gemm_f32 = gemm_f32; }

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
COBRA_DEFINE_ADD_KERNELS(add_gemm_kernels)
#endif
