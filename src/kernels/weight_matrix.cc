#include "kernels/weight_matrix.h"

#include <algorithm>
#include <cstring>

#include "base/fail.h"
#include "base/half.h"
#include "kernels/packed_tile.h"
#include "kernels/quant.h"
#include "kernels/quant_blocks.h"

namespace cobra {
namespace {

constexpr int kSubBlocks = 8;  // blocks of 32 in a K super-block

/// Byte address of column c (0..31) of row r in 8-bit quants.
int quant_index(int r, int c) { return (c / 4) * kTileRows * 4 + r * 4 + c % 4; }

/// Stores 32 quants of one row; 4-bit quants share a byte with the column 16 further on.
void store_quants8(std::byte* q, int r, const uint8_t* values) {
  for (int c = 0; c < kBlockCols; c += 4) std::memcpy(q + quant_index(r, c), values + c, 4);  // neighbours
}
void store_quants4(std::byte* q, int r, const uint8_t* values) {
  for (int c = 0; c < kBlockCols / 2; ++c) {
    q[quant_index(r, c)] = static_cast<std::byte>(values[c] | (values[c + kBlockCols / 2] << 4));
  }
}

void store_half(std::byte* column, int r, const std::byte* half) { std::memcpy(column + 2 * r, half, 2); }

uint8_t byte_at(const std::byte* p, int64_t i) { return std::to_integer<uint8_t>(p[i]); }

void pack_q8_0(const std::byte* block, int r, std::byte* out) {
  store_half(out, r, block);
  store_quants8(out + kHalfColumn, r, reinterpret_cast<const uint8_t*>(block + 2));
}

void pack_q4_0(const std::byte* block, int r, std::byte* out) {
  uint8_t values[kBlockCols];
  for (int i = 0; i < kBlockCols / 2; ++i) {
    values[i] = byte_at(block, 2 + i) & 15;
    values[i + kBlockCols / 2] = byte_at(block, 2 + i) >> 4;
  }
  store_half(out, r, block);
  store_quants4(out + kHalfColumn, r, values);
}

/// q4_k (bits 4) and q5_k (bits 5): one super-block of one row.
void pack_with_minimum(const std::byte* block, int r, std::byte* out, int bits) {
  const ScalesAndMinima scales = unpack_scales(reinterpret_cast<const uint8_t*>(block + 4));
  const std::byte* high_bits = block + 16;                        // q5_k only
  const std::byte* low_bits = block + 16 + (bits == 5 ? 32 : 0);  // 4 x 32 bytes, two sub-blocks each
  const int64_t quant_bytes = bits == 5 ? kQuantBytes8 : kQuantBytes4;
  store_half(out, r, block);
  store_half(out + kHalfColumn, r, block + 2);
  for (int j = 0; j < kSubBlocks; ++j) {
    std::byte* sub = out + 2 * kHalfColumn + j * (2 * kTileRows + quant_bytes);
    uint8_t values[kBlockCols];
    for (int i = 0; i < kBlockCols; ++i) {
      values[i] = (byte_at(low_bits, (j / 2) * 32 + i) >> (4 * (j % 2))) & 15;
      if (bits == 5) values[i] |= static_cast<uint8_t>(((byte_at(high_bits, i) >> j) & 1) << 4);
    }
    sub[r] = std::byte{scales.scale[j]};
    sub[kTileRows + r] = std::byte{scales.minimum[j]};
    (bits == 5 ? store_quants8 : store_quants4)(sub + 2 * kTileRows, r, values);
  }
}

void pack_q4_k(const std::byte* block, int r, std::byte* out) { pack_with_minimum(block, r, out, 4); }
void pack_q5_k(const std::byte* block, int r, std::byte* out) { pack_with_minimum(block, r, out, 5); }

void pack_q6_k(const std::byte* block, int r, std::byte* out) {
  const std::byte* scales = block + 192;
  store_half(out, r, block + 208);
  for (int j = 0; j < kSubBlocks; ++j) {
    const int half = j / 4, quarter = j % 4;  // 128 values a half, 32 a quarter
    std::byte* sub = out + kHalfColumn + j * (2 * kTileRows + kQuantBytes8);
    uint8_t values[kBlockCols];
    for (int i = 0; i < kBlockCols; ++i) {
      const int low = (byte_at(block, half * 64 + (quarter % 2) * 32 + i) >> (4 * (quarter / 2))) & 15;
      const int high = (byte_at(block, 128 + half * 32 + i) >> (2 * quarter)) & 3;
      values[i] = static_cast<uint8_t>((low | (high << 4)) - 32);
    }
    sub[r] = scales[2 * j];
    sub[kTileRows + r] = scales[2 * j + 1];
    store_quants8(sub + 2 * kTileRows, r, values);
  }
}

using PackBlock = void (*)(const std::byte* block, int row, std::byte* out);

PackBlock pack_block_of(DType type) {
  switch (type) {
    case DType::q8_0:
      return pack_q8_0;
    case DType::q4_0:
      return pack_q4_0;
    case DType::q4_k:
      return pack_q4_k;
    case DType::q5_k:
      return pack_q5_k;
    case DType::q6_k:
      return pack_q6_k;
    default:
      fail("type {} has no packed layout", name(type));
  }
}

/// Whether the f16 columns at the front of a packed block hold a NaN or an infinity.
bool has_damaged_scale(DType type, const std::byte* block) {
  const int columns = type == DType::q4_k || type == DType::q5_k ? 2 : 1;  // d, and dmin where there is one
  bool damaged = false;
  for (int i = 0; i < columns * kTileRows; ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, block + 2 * i, 2);
    damaged |= (bits & 0x7c00) == 0x7c00;  // an exponent of all ones
  }
  return damaged;
}

}  // namespace

int64_t WeightMatrix::tile_bytes() const {
  if (!is_quantized(type)) return kTileRows * row_bytes(type, cols);
  return cols / traits(type).block_size * packed_block_bytes(type);
}

int64_t WeightMatrix::bytes() const {
  return is_quantized(type) ? tiles() * tile_bytes() : rows * row_bytes(type, cols);
}

PackedMatrix pack_matrix(DType type, int64_t rows, int64_t cols, const std::byte* blocks, int threads) {
  const PackBlock pack_block = pack_block_of(type);
  const int64_t native_row = row_bytes(type, cols), native_block = traits(type).block_bytes;
  const int64_t packed_block = packed_block_bytes(type);
  PackedMatrix packed;
  packed.view = {type, rows, cols, nullptr};
  packed.storage = AlignedBuffer<std::byte>::uninitialized(packed.view.bytes());
  packed.view.data = packed.storage.data();
  const int64_t tiles = packed.view.tiles(), blocks_per_row = native_row / native_block;
  int64_t damaged_tile = tiles;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(min : damaged_tile)
  for (int64_t t = 0; t < tiles; ++t) {
    std::byte* tile = packed.storage.data() + t * packed.view.tile_bytes();
    const int used = static_cast<int>(std::min<int64_t>(kTileRows, rows - t * kTileRows));
    if (used < kTileRows) std::memset(tile, 0, static_cast<size_t>(packed.view.tile_bytes()));
    for (int64_t b = 0; b < blocks_per_row; ++b) {
      for (int r = 0; r < used; ++r) {
        pack_block(blocks + (t * kTileRows + r) * native_row + b * native_block, r, tile + b * packed_block);
      }
      if (has_damaged_scale(type, tile + b * packed_block)) damaged_tile = std::min(damaged_tile, t);
    }
  }
  if (damaged_tile < tiles) packed.damaged_tile = damaged_tile;
  return packed;
}

void copy_row(const WeightMatrix& w, int64_t row, float* out) {
  if (!is_quantized(w.type))
    return dequantize_row(w.type, w.data + row * row_bytes(w.type, w.cols), out, w.cols);
  const int r = static_cast<int>(row % kTileRows);
  for (int64_t b = 0; b < w.cols / kBlockCols; ++b) {
    const TileBlock block = tile_block(w.type, w.tile(row / kTileRows), b);
    for (int c = 0; c < kBlockCols; ++c) out[b * kBlockCols + c] = block.value(r, c);
  }
}

}  // namespace cobra
