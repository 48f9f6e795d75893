// Activations in the chunks that BlockProduct reads.
#pragma once

#include "base/half.h"
#include "kernels/block_product.h"
#include "kernels/kernels.h"
#include "kernels/rounding.h"

namespace cobra {

/// Activations in bfloat16, [rows/R][cols/32][R][32]; what lies past the last row or column is zeros.
struct Chunks {
  BFloat16* data;
  int64_t rows, cols, R;

  static int64_t size(int64_t rows, int64_t cols, int64_t R) {
    return round_up(rows, R) * round_up(cols, kChunkCols);
  }
  int64_t groups() const { return divide_up(rows, R); }
  /// Chunks side by side in a group of R rows.
  int64_t width() const { return divide_up(cols, kChunkCols); }
  int64_t group_size() const { return R * width() * kChunkCols; }
  BFloat16* at(int64_t row, int64_t col) const {
    return data + row / R * group_size() + (col / kChunkCols * R + row % R) * kChunkCols + col % kChunkCols;
  }
  /// Zeros past the last row and column, and before them in their chunks.
  void clear_edges() const;
};

/// Groups [begin, end) of x, to where they belong in `out`.
void to_chunks(const KernelTable& table, const LinearView<const float>& x, int64_t begin, int64_t end,
               const Chunks& out);

}  // namespace cobra
