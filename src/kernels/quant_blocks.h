// Memory layout of ggml's quantised blocks and the conversion of one block: what quant.cc and quant_k.cc
// share. Source of the layouts: ggml-common.h, checked byte for byte against the Python package gguf
// (tests/data/quant). Products of a decoded block are exact in float32 (11-bit half x 7-bit scale x 6-bit
// code at most), so that a compiler that fuses multiply and add still gives the same bits.
#pragma once

#include <cstdint>

#include "base/half.h"

namespace cobra {

inline constexpr float kLargestHalf = 65504.0f;

/// 32 values: d * q.
struct BlockQ8_0 {
  static constexpr int kValues = 32;
  static constexpr float kLargest = 127 * kLargestHalf;
  static constexpr float kLowest = -kLargest;
  Float16 d;
  int8_t qs[32];
};

/// 32 values: d * (q - 8). Byte i holds value i in its low and value i + 16 in its high nibble.
struct BlockQ4_0 {
  static constexpr int kValues = 32;
  static constexpr float kLargest = 8 * kLargestHalf;
  static constexpr float kLowest = -kLargest;
  Float16 d;
  uint8_t qs[16];
};

/// 8 sub-blocks of 32 values: d * scale * q - dmin * minimum, with 6-bit scales and minima packed into 12
/// bytes. Each run of 32 bytes of qs holds two sub-blocks: the first in the low, the second in the high
/// nibbles.
struct BlockQ4K {
  static constexpr int kValues = 256;
  static constexpr float kLargest = 15 * 63 * kLargestHalf;
  static constexpr float kLowest = -63 * kLargestHalf;
  Float16 d;
  Float16 dmin;
  uint8_t scales[12];
  uint8_t qs[128];
};

/// The 6-bit scales and minima of 8 sub-blocks. Sub-blocks 0..3 have bytes 0..3 (scale) and 4..7 (minimum);
/// of sub-blocks 4..7 the low nibbles share bytes 8..11 and the upper two bits are on top of bytes 0..7.
struct ScalesAndMinima {
  uint8_t scale[8], minimum[8];
};

inline ScalesAndMinima unpack_scales(const uint8_t* packed) {
  ScalesAndMinima s;
  for (int i = 0; i < 4; ++i) {
    s.scale[i] = packed[i] & 63;
    s.minimum[i] = packed[i + 4] & 63;
    s.scale[i + 4] = static_cast<uint8_t>((packed[i + 8] & 15) | (packed[i] >> 6) << 4);
    s.minimum[i + 4] = static_cast<uint8_t>(packed[i + 8] >> 4 | (packed[i + 4] >> 6) << 4);
  }
  return s;
}

/// Like BlockQ4K with a fifth bit: bit s of qh[i] belongs to value i of sub-block s.
struct BlockQ5K {
  static constexpr int kValues = 256;
  static constexpr float kLargest = 31 * 63 * kLargestHalf;
  static constexpr float kLowest = -63 * kLargestHalf;
  Float16 d;
  Float16 dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
};

/// 16 sub-blocks of 16 values: d * scale * (q - 32). In each half of 128 values, nibbles of ql are the low
/// four bits of values i and i + 64, and two-bit fields of qh the high bits of values i, i + 32, i + 64, i
/// + 96.
struct BlockQ6K {
  static constexpr int kValues = 256;
  static constexpr float kLargest = 32 * 127 * kLargestHalf;
  static constexpr float kLowest = -kLargest;
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  Float16 d;
};

static_assert(sizeof(BlockQ8_0) == 34 && sizeof(BlockQ4_0) == 18);
static_assert(sizeof(BlockQ4K) == 144 && sizeof(BlockQ5K) == 176 && sizeof(BlockQ6K) == 210);

void dequantize_block(const BlockQ4K& block, float* out);
void dequantize_block(const BlockQ5K& block, float* out);
void dequantize_block(const BlockQ6K& block, float* out);

/// x: kValues values within [kLowest, kLargest].
void quantize_block(const float* x, BlockQ4K& block);
void quantize_block(const float* x, BlockQ5K& block);
void quantize_block(const float* x, BlockQ6K& block);

}  // namespace cobra
