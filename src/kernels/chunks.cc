#include "kernels/chunks.h"

#include <algorithm>

namespace cobra {
namespace {

/// `count` rows from `first` on, columns [col, col + 32).
ChunkSource chunk_of(const LinearView<const float>& x, int64_t first, int64_t count, int64_t col) {
  const int64_t cols = std::min(kChunkCols, x.cols - col);
  if (!x.tiled) {
    const float* left = x.data + first * x.stride + col;
    return {left, left + kTileChannels, x.stride, count, cols};
  }
  const TiledView<const float> tiles{x.data, x.rows, x.cols};
  const float* left = tiles.tile(col / kTileChannels) + first * kTileChannels;
  return {left, left + x.rows * kTileChannels, kTileChannels, count, cols};
}

}  // namespace

void Chunks::clear_edges() const {
  if (rows % R != 0) std::fill_n(at(groups() * R - R, 0), group_size(), BFloat16{});
  if (cols % kChunkCols == 0) return;
  for (int64_t g = 0; g < groups(); ++g) {
    std::fill_n(at(g * R, (width() - 1) * kChunkCols), R * kChunkCols, BFloat16{});
  }
}

void to_chunks(const KernelTable& table, const LinearView<const float>& x, int64_t begin, int64_t end,
               const Chunks& out) {
  const int64_t R = out.R, size = R * kChunkCols;
  for (int64_t g = begin; g < end; ++g) {
    const int64_t count = std::min(R, x.rows - g * R);
    for (int64_t c = 0; c < out.width(); ++c) {
      BFloat16* chunk = out.at(g * R, c * kChunkCols);
      table.to_bfloat16_chunk(chunk_of(x, g * R, count, c * kChunkCols), chunk);
      std::fill(chunk + count * kChunkCols, chunk + size, BFloat16{});
    }
  }
}

}  // namespace cobra
