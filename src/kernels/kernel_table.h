// The inner kernels: one table of single-threaded functions per instruction set. Kernels (kernels.h) splits
// the work over threads and calls these. `reference` is plain C++ and defines what the others must compute.
//
// Conventions: matrices are row-major with a leading dimension in elements; no pointer needs alignment;
// inputs may not alias outputs unless said. Nothing allocates and nothing throws, but for the products of
// many rows, which keep packed activations (gemm_f32).
//
// Channel tiles: Mamba's convolution and scan work on channels, whose values over time lie together in tiles
// of 16 channels, [d/16][L][16] (tiled_view.h). For L = 1 that is the row-major layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/half.h"
#include "kernels/block_product.h"
#include "kernels/mamba_tiles.h"
#include "kernels/weight_matrix.h"

namespace cobra {

inline constexpr int64_t kCacheLine = 64;  // bytes

/// Activations of a few rows in 8 bits, blocks of 32: x ~ scale * q. The rows' blocks of the same columns
/// stand together, so that a product reads them in one stream. They are kept in 8 bits and in 16, so that no
/// instruction set converts them again for every tile; in 16 not where AVX-512 VNNI multiplies bytes.
struct QuantizedRows {
  int64_t rows;
  int64_t cols;          // multiple of 32
  const int8_t* q;       // [cols / 32][rows][32], -127..127
  const int16_t* wide;   // the same, or nothing written (AVX-512 VNNI)
  const int32_t* shift;  // [cols / 32][rows][3], -128 times sums of q: of 16 columns, of the other 16, of all
  const float* scale;    // [cols / 32][rows]
  const float* sum;      // [cols / 32][rows], scale * sum of q: what a weight's minimum is multiplied by

  int64_t block(int64_t row, int64_t b) const { return b * rows + row; }
};
/// One row of them, to be written: pointers to its first block; the next block lies `rows` blocks further.
struct QuantizedRow {
  int64_t rows;
  int8_t* q;
  int16_t* wide;
  int32_t* shift;
  float* scale;
  float* sum;
};

/// Activations of a few rows in 16 bits: x ~ scale * q with a scale for 16 blocks of 32 columns. Of these the
/// largest is at most sqrt(512) times the root mean square, so that rounding errs by 2e-4 of that at most.
inline constexpr int64_t kScaleBlocks = 16, kScaleCols = kScaleBlocks * kBlockCols;
inline constexpr float kLargest16 = 32767.0f;
struct Rows16 {
  int64_t rows;
  int64_t cols;        // multiple of 32
  const int16_t* q;    // [cols / 32][rows][32], -32767..32767
  const int32_t* sum;  // [cols / 32][rows][3], sums of q: of 16 columns, of the other 16, of all
  const float* scale;  // [cols / 512, rounded up][rows]

  int64_t block(int64_t row, int64_t b) const { return b * rows + row; }
  float scale_at(int64_t row, int64_t b) const { return scale[b / kScaleBlocks * rows + row]; }
};
/// One row of them, to be written, as above.
struct Row16 {
  int64_t rows;
  int16_t* q;
  int32_t* sum;
  float* scale;
};

/// 32 columns of some rows of activations: 16 of each row at `left` and 16 at `right`, from row to row
/// `stride` values. Of the 32 only the first `cols` are there.
struct ChunkSource {
  const float* left;
  const float* right;
  int64_t stride;
  int64_t rows;
  int64_t cols;
};

/// gelu: x * (1 + erf(x / sqrt 2)) / 2 (exact, not the tanh form); quick_gelu: x * sigmoid(1.702 x).
enum class Activation { none, gelu, quick_gelu };

/// A part of a product on its way to the result: out = [out +] scale * act(product + bias), or the same
/// without the sum, rounded to bfloat16.
struct Finish {
  const float* product = nullptr;  // [rows][cols], from row to row `ld` values; out may be the same
  int64_t ld = 0, rows = 0, cols = 0;
  const float* bias = nullptr;  // [cols] or null
  Activation activation = Activation::none;
  const float* scale = nullptr;  // [cols] or null
  bool add = false;              // to what stands in out
  float* out = nullptr;          // [rows][cols]
  BFloat16* rounded = nullptr;   // the same, instead of out
  int64_t stride = 0;            // from row to row
};

struct Gemm {
  int64_t M, N, K;
  int64_t lda, ldb, ldc;
  bool transpose_b;  // B is [N][K] instead of [K][N]
};

struct KernelTable {
  std::string_view isa;

  /// out = x / sqrt(mean(x^2) + eps) * weight. out may be x.
  void (*rms_norm)(const float* x, const float* weight, float eps, int64_t n, float* out);
  /// out = (x - mean) / sqrt(var + eps) * weight + bias, biased variance. out may be x.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float eps, int64_t n,
                     float* out);
  /// In place: x = exp(scale * x - max) / sum.
  void (*softmax)(float* x, float scale, int64_t n);
  /// What softmax divides by its sum, in bfloat16 as BlockProduct reads them: a row's 32 columns at out, the
  /// next 32 `stride` elements further; zeros past n in the last 32. Returns the sum, which is NaN where
  /// softmax would give NaN.
  float (*softmax_numerators)(const float* x, float scale, int64_t n, BFloat16* out, int64_t stride);
  /// float32 to bfloat16, round to nearest even.
  void (*to_bfloat16)(const float* x, int64_t n, BFloat16* out);
  /// The same for 32 columns of some rows as BlockProduct reads them, out [rows][32].
  void (*to_bfloat16_chunk)(const ChunkSource& x, BFloat16* out);

  void (*causal_conv1d_silu)(const ConvTile& tile);
  void (*selective_scan)(const ScanTile& tile);
  /// Gradients of the two, for training.
  void (*causal_conv1d_silu_backward)(const ConvBackwardTile& tile);
  void (*selective_scan_backward)(const ScanBackwardTile& tile);

  /// Decode. One row of n values (a multiple of 32).
  void (*quantize_row)(const float* x, int64_t n, const QuantizedRow& out);
  /// out[i][r][0..15] = rows x tile first + i of a packed matrix; out is [count][rows][16].
  void (*dot_packed)(const WeightMatrix& w, int64_t first, int64_t count, const QuantizedRows& x, float* out);
  /// out[r][0..15] = rows x tile t of a plain type with float32 activations x [rows][ldx]; the last tile may
  /// have fewer rows.
  void (*dot_plain)(const WeightMatrix& w, int64_t t, const float* x, int64_t rows, int64_t ldx, float* out);

  /// Prefill without a block unit: the same in 16 bits. One row of n values (a multiple of 32).
  void (*quantize_row_16)(const float* x, int64_t n, const Row16& out);
  void (*dot_packed_16)(const WeightMatrix& w, int64_t first, int64_t count, const Rows16& x, float* out);

  /// Columns [col, col + cols) of tile t of a packed or bfloat16 matrix as BlockProduct reads them: out
  /// [cols/2][16 rows][2]. `col` and `cols` are multiples of 32; what lies past the matrix, in its
  /// last tile or its last 32 columns, is zeros.
  void (*expand_pairs)(const WeightMatrix& w, int64_t t, int64_t col, int64_t cols, BFloat16* out);
  /// The end of every product.
  void (*finish_product)(const Finish& part);
  /// n values of a plain type to float32.
  void (*widen)(DType type, const std::byte* values, int64_t n, float* out);

  /// C = A B in float32 on the calling thread.
  void (*gemm_f32)(const Gemm& shape, const float* A, const float* B, float* C);
  /// Products in bfloat16, a block at a time; null in tables that do not make any.
  const BlockUnit* block_unit;
};

/// Plain C++.
const KernelTable& reference_kernels();
/// Every table this machine can run, best first; the last is the reference.
const std::vector<KernelTable>& available_kernels();
/// The table named `isa` ("avx2", "reference", ...), or the best one for "". Throws Error listing the
/// available names.
const KernelTable& find_kernels(std::string_view isa);

}  // namespace cobra
