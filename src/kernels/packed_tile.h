// Reading a packed tile, value by value: the plain definition of the layout in weight_matrix.h. The SIMD
// kernels read the same bytes; tests hold them against this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/dtype.h"
#include "base/fail.h"
#include "base/half.h"
#include "kernels/weight_matrix.h"

namespace cobra {

inline constexpr int64_t kHalfColumn = 2 * kTileRows;                // bytes of one f16 for each row
inline constexpr int64_t kQuantBytes8 = kTileRows * kBlockCols;      // 32 columns at 8 bits
inline constexpr int64_t kQuantBytes4 = kTileRows * kBlockCols / 2;  // at 4 bits

/// Packed bytes of one ggml block (32 columns, or 256 for the K formats) of 16 rows.
constexpr int64_t packed_block_bytes(DType type) {
  switch (type) {
    case DType::q8_0:
      return kHalfColumn + kQuantBytes8;
    case DType::q4_0:
      return kHalfColumn + kQuantBytes4;
    case DType::q4_k:
      return 2 * kHalfColumn + 8 * (2 * kTileRows + kQuantBytes4);
    case DType::q5_k:
      return 2 * kHalfColumn + 8 * (2 * kTileRows + kQuantBytes8);
    case DType::q6_k:
      return kHalfColumn + 8 * (2 * kTileRows + kQuantBytes8);
    default:
      fail("type {} has no packed layout", name(type));
  }
}

/// Packed bytes of 32 columns of 16 rows, with their part of what 256 share.
constexpr int64_t bytes_per_block(DType type) {
  return packed_block_bytes(type) / (type == DType::q8_0 || type == DType::q4_0 ? 1 : 8);
}

/// 32 columns of a tile. `d`, `dmin`, `sub` are null where the format has none.
struct TileBlock {
  DType type;
  const std::byte* d;     // f16 [16]
  const std::byte* dmin;  // f16 [16]
  const std::byte* sub;   // q4_k, q5_k: u8 scale[16], minimum[16]; q6_k: i8 scale[2][16]
  const std::byte* q;

  static float half(const std::byte* column, int r) {
    Float16 h{};
    std::memcpy(&h.bits, column + 2 * r, 2);
    return to_float(h);
  }
  float scale(int r, int c) const {
    if (type == DType::q6_k) return half(d, r) * static_cast<int8_t>(sub[(c / 16) * kTileRows + r]);
    return sub ? half(d, r) * std::to_integer<int>(sub[r]) : half(d, r);
  }
  float minimum(int r) const {
    return dmin ? half(dmin, r) * std::to_integer<int>(sub[kTileRows + r]) : 0.0f;
  }
  /// The integer that is multiplied by scale().
  int quant(int r, int c) const {
    const auto at = [&](int column) { return q[(column / 4) * kTileRows * 4 + r * 4 + column % 4]; };
    switch (type) {
      case DType::q4_0:
      case DType::q4_k: {
        const int nibble = (std::to_integer<int>(at(c % 16)) >> (c < 16 ? 0 : 4)) & 15;
        return type == DType::q4_0 ? nibble - 8 : nibble;
      }
      case DType::q5_k:
        return std::to_integer<int>(at(c));
      default:
        return static_cast<int8_t>(at(c));
    }
  }
  float value(int r, int c) const {
    const float product = scale(r, c) * static_cast<float>(quant(r, c));
    return dmin ? product - minimum(r) : product;
  }
};

/// Block b (columns 32 b .. 32 b + 31) of a tile. Inlined whatever the compiler thinks: called, it costs the
/// kernels of 4 bits a fifteenth of their time.
[[gnu::always_inline]] inline TileBlock tile_block(DType type, const std::byte* tile, int64_t b) {
  const auto super = [&](int64_t index) { return tile + index * packed_block_bytes(type); };
  switch (type) {
    case DType::q8_0:
    case DType::q4_0:
      return {type, super(b), nullptr, nullptr, super(b) + kHalfColumn};
    case DType::q4_k:
    case DType::q5_k: {
      const int64_t quant_bytes = type == DType::q4_k ? kQuantBytes4 : kQuantBytes8;
      const std::byte* s = super(b / 8);
      const std::byte* sub = s + 2 * kHalfColumn + (b % 8) * (2 * kTileRows + quant_bytes);
      return {type, s, s + kHalfColumn, sub, sub + 2 * kTileRows};
    }
    default: {
      const std::byte* s = super(b / 8);
      const std::byte* sub = s + kHalfColumn + (b % 8) * (2 * kTileRows + kQuantBytes8);
      return {type, s, nullptr, sub, sub + 2 * kTileRows};
    }
  }
}

}  // namespace cobra
