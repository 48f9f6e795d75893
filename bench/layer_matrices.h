// Weights of a language model's layers for the programs that time its products.
#pragma once

#include <cstring>
#include <random>
#include <vector>

#include "kernels/quant.h"
#include "kernels/weight_matrix.h"

namespace cobra::bench {

/// Of Mamba-2.8B.
inline constexpr int64_t kModel = 2560, kInner = 5120, kRankAndStates = 160 + 2 * 16;

/// Normal values; one row for all, for the times do not depend on them.
inline PackedMatrix random_matrix(DType type, int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> row(static_cast<size_t>(cols));
  for (float& v : row) v = normal(random);
  const auto bytes = static_cast<size_t>(row_bytes(type, cols));
  std::vector<std::byte> blocks(static_cast<size_t>(rows) * bytes);
  quantize_row(type, row.data(), blocks.data(), cols);
  for (size_t r = 1; r < static_cast<size_t>(rows); ++r)
    std::memcpy(&blocks[r * bytes], blocks.data(), bytes);
  return pack_matrix(type, rows, cols, blocks.data(), 2);
}

}  // namespace cobra::bench
