// The reference kernels: plain loops that say what is computed. Slow on purpose; sums in float32 as the
// official code's.
#include <algorithm>
#include <cmath>

#include "kernels/kernel_table.h"
#include "kernels/packed_tile.h"
#include "kernels/quant.h"
#include "kernels/reference_mamba.h"
#include "kernels/rounding.h"

namespace cobra {
namespace {

void rms_norm(const float* x, const float* weight, float eps, int64_t n, float* out) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; ++i) sum += double{x[i]} * x[i];
  const float scale = 1.0f / std::sqrt(static_cast<float>(sum / static_cast<double>(n)) + eps);
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] * scale * weight[i];
}

void layer_norm(const float* x, const float* weight, const float* bias, float eps, int64_t n, float* out) {
  double sum = 0.0, squares = 0.0;
  for (int64_t i = 0; i < n; ++i) sum += x[i];
  const float mean = static_cast<float>(sum / static_cast<double>(n));
  for (int64_t i = 0; i < n; ++i) squares += double{x[i] - mean} * (x[i] - mean);
  const float scale = 1.0f / std::sqrt(static_cast<float>(squares / static_cast<double>(n)) + eps);
  for (int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

void softmax(float* x, float scale, int64_t n) {
  float maximum = x[0] * scale;
  for (int64_t i = 0; i < n; ++i) maximum = std::max(maximum, x[i] * scale);
  double sum = 0.0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] = std::exp(x[i] * scale - maximum);
  for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(x[i] / sum);
}

float softmax_numerators(const float* x, float scale, int64_t n, BFloat16* out, int64_t stride) {
  float largest = x[0] * scale;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, x[i] * scale);
  double sum = 0;
  for (int64_t i = 0; i < round_up(n, kChunkCols); ++i) {
    const float value = i < n ? std::exp(x[i] * scale - largest) : 0.0f;
    sum += value;
    out[i / kChunkCols * stride + i % kChunkCols] = to_bfloat16(value);
  }
  return static_cast<float>(sum);
}

float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::gelu:
      return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f));
    case Activation::quick_gelu:
      return x / (1.0f + std::exp(-1.702f * x));
  }
  return x;
}

void to_bfloat16_row(const float* x, int64_t n, BFloat16* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = to_bfloat16(x[i]);
}

void to_bfloat16_chunk(const ChunkSource& x, BFloat16* out) {
  for (int64_t i = 0; i < x.rows * kChunkCols; ++i) {
    const int64_t row = i / kChunkCols, col = i % kChunkCols;
    const float* half = col < 16 ? x.left : x.right;
    out[i] = col < x.cols ? to_bfloat16(half[row * x.stride + col % 16]) : BFloat16{};
  }
}

void finish_product(const Finish& part) {
  for (int64_t r = 0; r < part.rows; ++r) {
    for (int64_t c = 0; c < part.cols; ++c) {
      const int64_t at = r * part.stride + c;
      float value = part.product[r * part.ld + c];
      if (part.bias) value += part.bias[c];
      value = activate(part.activation, value);
      if (part.scale) value *= part.scale[c];
      if (part.rounded) {
        part.rounded[at] = to_bfloat16(value);
      } else {
        part.out[at] = part.add ? part.out[at] + value : value;
      }
    }
  }
}

/// The largest of two magnitudes; NaN where one is.
float larger(float magnitude, float value) {
  return std::isnan(value) ? value : std::max(magnitude, std::fabs(value));
}

/// The nearest integer; of NaN 0, for what is multiplied by it is a scale that is not finite.
template <typename T>
T nearest(float value) {
  return std::isnan(value) ? T{0} : static_cast<T>(std::nearbyint(value));
}

void quantize_activations(const float* x, int64_t n, const QuantizedRow& out) {
  for (int64_t b = 0; b < n / kBlockCols; ++b) {
    const float* values = x + b * kBlockCols;
    const int64_t to = b * out.rows;
    float largest = 0.0f;
    for (int i = 0; i < kBlockCols; ++i) largest = larger(largest, values[i]);
    const float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
    int32_t total[2] = {0, 0};  // by halves of 16 columns
    for (int i = 0; i < kBlockCols; ++i) {
      const auto value = nearest<int8_t>(values[i] * inverse);
      out.q[to * kBlockCols + i] = value;
      out.wide[to * kBlockCols + i] = value;
      total[i / 16] += value;
    }
    const int32_t sums[3] = {total[0], total[1], total[0] + total[1]};
    for (int i = 0; i < 3; ++i) out.shift[3 * to + i] = -128 * sums[i];
    out.scale[to] = largest / 127.0f;
    out.sum[to] = out.scale[to] * static_cast<float>(sums[2]);
  }
}

/// Row r of a block times 32 activations, but for its minimum: exact integers by halves of 16 columns, which
/// q6_k scales apart.
template <typename T>
float scaled_dot(const TileBlock& block, int r, const T* q) {
  int dot[2] = {0, 0};
  for (int c = 0; c < kBlockCols; ++c) dot[c / 16] += block.quant(r, c) * q[c];
  return block.scale(r, 0) * static_cast<float>(dot[0]) + block.scale(r, 16) * static_cast<float>(dot[1]);
}

/// out [count][rows][16]: for row r of each tile and row m of the activations, what add(block, r, place, sum)
/// makes of a sum over the blocks, `place` being that of the activations' block.
template <class Rows, class Add>
void sum_blocks(const WeightMatrix& w, int64_t first, int64_t count, const Rows& x, float* out,
                const Add& add) {
  for (int64_t i = 0; i < count * x.rows * kTileRows; ++i) {
    const int r = static_cast<int>(i % kTileRows);
    const int64_t m = i / kTileRows % x.rows, t = first + i / kTileRows / x.rows;
    out[i] = 0.0f;
    for (int64_t b = 0; b < w.cols / kBlockCols; ++b)
      add(tile_block(w.type, w.tile(t), b), r, x.block(m, b), out[i]);
  }
}

void dot_packed(const WeightMatrix& w, int64_t first, int64_t count, const QuantizedRows& x, float* out) {
  sum_blocks(w, first, count, x, out, [&](const TileBlock& block, int r, int64_t at, float& sum) {
    sum += x.scale[at] * scaled_dot(block, r, x.q + at * kBlockCols);
    sum -= block.minimum(r) * x.sum[at];
  });
}

void dot_plain(const WeightMatrix& w, int64_t t, const float* x, int64_t rows, int64_t ldx, float* out) {
  const int64_t bytes = traits(w.type).block_bytes;
  for (int r = 0; r < std::min<int64_t>(kTileRows, w.rows - t * kTileRows); ++r) {
    const std::byte* row = w.tile(t) + r * w.cols * bytes;
    for (int64_t m = 0; m < rows; ++m) {
      float sum = 0.0f;
      for (int64_t k = 0; k < w.cols; ++k) {
        float value = 0.0f;
        dequantize_row(w.type, row + k * bytes, &value, 1);
        sum += value * x[m * ldx + k];
      }
      out[m * kTileRows + r] = sum;
    }
  }
}

void quantize_activations_16(const float* x, int64_t n, const Row16& out) {
  for (int64_t first = 0; first < n; first += kScaleCols) {
    const int64_t end = std::min(first + kScaleCols, n);
    float largest = 0.0f;
    for (int64_t i = first; i < end; ++i) largest = larger(largest, x[i]);
    const float inverse = largest > 0.0f ? kLargest16 / largest : 0.0f;
    out.scale[first / kScaleCols * out.rows] = largest / kLargest16;
    for (int64_t c = first; c < end; c += kBlockCols) {
      const int64_t to = c / kBlockCols * out.rows;
      int32_t total[2] = {0, 0};
      for (int64_t i = 0; i < kBlockCols; ++i) {
        const auto value = nearest<int16_t>(x[c + i] * inverse);
        out.q[to * kBlockCols + i] = value;
        total[i / 16] += value;
      }
      const int32_t sums[3] = {total[0], total[1], total[0] + total[1]};
      std::copy_n(sums, 3, out.sum + 3 * to);
    }
  }
}

void dot_packed_16(const WeightMatrix& w, int64_t first, int64_t count, const Rows16& x, float* out) {
  sum_blocks(w, first, count, x, out, [&](const TileBlock& block, int r, int64_t at, float& sum) {
    const float less = block.minimum(r) * static_cast<float>(x.sum[at * 3 + 2]);
    sum += x.scale_at(at % x.rows, at / x.rows) * (scaled_dot(block, r, x.q + at * kBlockCols) - less);
  });
}

void expand_pairs(const WeightMatrix& w, int64_t t, int64_t col, int64_t cols, BFloat16* out) {
  for (int64_t r = 0; r < kTileRows; ++r) {
    for (int64_t c = 0; c < cols; ++c) {
      BFloat16& to = out[(c / 2 * kTileRows + r) * 2 + c % 2];
      to = BFloat16{};
      if (col + c >= w.cols || t * kTileRows + r >= w.rows) continue;
      if (is_quantized(w.type)) {
        const TileBlock block = tile_block(w.type, w.tile(t), (col + c) / kBlockCols);
        to = to_bfloat16(block.value(static_cast<int>(r), static_cast<int>(c % kBlockCols)));
      } else {
        std::memcpy(&to, w.tile(t) + (r * w.cols + col + c) * static_cast<int64_t>(sizeof(to)), sizeof(to));
      }
    }
  }
}

void widen(DType type, const std::byte* values, int64_t n, float* out) {
  dequantize_row(type, values, out, n);
}

void gemm_f32(const Gemm& g, const float* A, const float* B, float* C) {
  for (int64_t m = 0; m < g.M; ++m) {
    for (int64_t n = 0; n < g.N; ++n) {
      float sum = 0.0f;
      for (int64_t k = 0; k < g.K; ++k) {
        sum += A[m * g.lda + k] * (g.transpose_b ? B[n * g.ldb + k] : B[k * g.ldb + n]);
      }
      C[m * g.ldc + n] = sum;
    }
  }
}

}  // namespace

const KernelTable& reference_kernels() {
  static const KernelTable table = {
      .isa = "reference",
      .rms_norm = rms_norm,
      .layer_norm = layer_norm,
      .softmax = softmax,
      .softmax_numerators = softmax_numerators,
      .to_bfloat16 = to_bfloat16_row,
      .to_bfloat16_chunk = to_bfloat16_chunk,
      .causal_conv1d_silu = reference::causal_conv1d_silu<float>,
      .selective_scan = reference::selective_scan<float>,
      .causal_conv1d_silu_backward = reference::causal_conv1d_silu_backward<float>,
      .selective_scan_backward = reference::selective_scan_backward<float>,
      .quantize_row = quantize_activations,
      .dot_packed = dot_packed,
      .dot_plain = dot_plain,
      .quantize_row_16 = quantize_activations_16,
      .dot_packed_16 = dot_packed_16,
      .expand_pairs = expand_pairs,
      .finish_product = finish_product,
      .widen = widen,
      .gemm_f32 = gemm_f32,
      .block_unit = nullptr,
  };
  return table;
}

}  // namespace cobra
