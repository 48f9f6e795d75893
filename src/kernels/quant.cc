// Rows of every storable type, and the simple block formats q8_0 and q4_0. The K formats are in quant_k.cc.
// q8_0 and q4_0 are quantised exactly as ggml's reference does, bit for bit, so that files compare equal.
#include "kernels/quant.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/fail.h"
#include "kernels/quant_blocks.h"

namespace cobra {
namespace {

// ---- plain types
// -----------------------------------------------------------------------------------------------

/// to_float without a branch, so that a row of it vectorises: infinity and NaN get the exponent that the
/// product lacks.
float widen(Float16 v) {
  const uint32_t magnitude = v.bits & 0x7fffu;
  const uint32_t scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112f);
  const uint32_t special = magnitude >= 0x7c00u ? 0x7f800000u : 0u;
  return std::bit_cast<float>((uint32_t{v.bits} & 0x8000u) << 16 | scaled | special);
}
float widen(BFloat16 v) { return to_float(v); }
float widen(float v) { return v; }

template <typename T>
void dequantize_plain(const std::byte* row, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    T v;
    std::memcpy(&v, row + i * sizeof(T), sizeof(T));
    out[i] = widen(v);
  }
}

/// NaN becomes 0, everything else the nearest value of [lowest, largest].
float finite(float v, float lowest, float largest) {
  v = v == v ? v : 0.0f;
  v = v < lowest ? lowest : v;
  return v > largest ? largest : v;
}

float narrow(float v, float /*tag*/) { return v; }
Float16 narrow(float v, Float16 /*tag*/) { return to_float16(v); }
BFloat16 narrow(float v, BFloat16 /*tag*/) { return to_bfloat16(v); }

template <typename T>
void quantize_plain(const float* row, std::byte* out, int64_t n, float largest) {
  for (int64_t i = 0; i < n; ++i) {
    const T v = narrow(finite(row[i], -largest, largest), T{});
    std::memcpy(out + i * sizeof(T), &v, sizeof(T));
  }
}

// ---- q8_0 and q4_0
// ---------------------------------------------------------------------------------------------

void dequantize_block(const BlockQ8_0& block, float* out) {
  const float d = to_float(block.d);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(block.qs[i]);
}

void dequantize_block(const BlockQ4_0& block, float* out) {
  const float d = to_float(block.d);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>((block.qs[i] & 15) - 8);
    out[i + 16] = d * static_cast<float>((block.qs[i] >> 4) - 8);
  }
}

/// 1 / d, or 0 where d is 0 or so small that its inverse is infinite (the stored half is then 0 anyway).
float inverse(float d) {
  const float id = 1.0f / d;
  return std::isfinite(id) ? id : 0.0f;
}

float largest_magnitude(const float* x, int n) {
  float largest = 0.0f;
  for (int i = 0; i < n; ++i) largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
  return largest;
}

/// std::round of |v| < 2^23, halves away from zero, in steps that vectorise.
int round_half_away(float v) {
  const float magnitude = std::fabs(v);
  const int whole = static_cast<int>(magnitude);
  const int rounded = whole + (magnitude - static_cast<float>(whole) >= 0.5f ? 1 : 0);
  return v < 0.0f ? -rounded : rounded;
}

void quantize_block(const float* x, BlockQ8_0& block) {
  const float d = largest_magnitude(x, 32) / 127.0f;
  const float id = inverse(d);
  block.d = to_float16(d);
  for (int i = 0; i < 32; ++i) block.qs[i] = static_cast<int8_t>(round_half_away(x[i] * id));
}

/// The value of largest magnitude, the first of equals, becomes code 0 = -8: the one code without a mirror
/// image.
void quantize_block(const float* x, BlockQ4_0& block) {
  const float magnitude = largest_magnitude(x, 32);
  float extreme = 0.0f;
  for (int i = 31; i >= 0; --i) extreme = magnitude > 0.0f && std::fabs(x[i]) == magnitude ? x[i] : extreme;
  const float d = extreme / -8.0f;
  const float id = inverse(d);
  uint8_t q[32];
  for (int i = 0; i < 32; ++i) {
    const int code = static_cast<int>(x[i] * id + 8.5f);
    q[i] = static_cast<uint8_t>(code > 15 ? 15 : code);
  }
  block.d = to_float16(d);
  for (int i = 0; i < 16; ++i) block.qs[i] = static_cast<uint8_t>(q[i] | q[i + 16] << 4);
}

// ---- rows of blocks
// --------------------------------------------------------------------------------------------

template <typename Block>
void dequantize_blocks(const std::byte* row, float* out, int64_t n) {
  for (int64_t i = 0; i < n / Block::kValues; ++i) {
    Block block;  // a copy: rows in a mapped file need not be aligned
    std::memcpy(&block, row + i * sizeof(Block), sizeof(Block));
    dequantize_block(block, out + i * Block::kValues);
  }
}

template <typename Block>
void quantize_blocks(const float* row, std::byte* out, int64_t n) {
  float x[Block::kValues];
  for (int64_t i = 0; i < n / Block::kValues; ++i) {
    for (int j = 0; j < Block::kValues; ++j) {
      x[j] = finite(row[i * Block::kValues + j], Block::kLowest, Block::kLargest);
    }
    Block block;
    quantize_block(x, block);
    std::memcpy(out + i * sizeof(Block), &block, sizeof(Block));
  }
}

[[noreturn]] void fail_type(DType type) {
  fail("type {} cannot hold weights: expected f32, f16, bf16, q8_0, q4_0, q4_k, q5_k or q6_k", name(type));
}

}  // namespace

void dequantize_row(DType type, const std::byte* row, float* out, int64_t n) {
  row_bytes(type, n);  // throws unless n is a multiple of the block size
  switch (type) {
    case DType::f32:
      return dequantize_plain<float>(row, out, n);
    case DType::f16:
      return dequantize_plain<Float16>(row, out, n);
    case DType::bf16:
      return dequantize_plain<BFloat16>(row, out, n);
    case DType::q8_0:
      return dequantize_blocks<BlockQ8_0>(row, out, n);
    case DType::q4_0:
      return dequantize_blocks<BlockQ4_0>(row, out, n);
    case DType::q4_k:
      return dequantize_blocks<BlockQ4K>(row, out, n);
    case DType::q5_k:
      return dequantize_blocks<BlockQ5K>(row, out, n);
    case DType::q6_k:
      return dequantize_blocks<BlockQ6K>(row, out, n);
    default:
      fail_type(type);
  }
}

void quantize_row(DType type, const float* row, std::byte* out, int64_t n) {
  constexpr float kLargestFloat = std::numeric_limits<float>::max();
  constexpr float kLargestBFloat = 0x1.fep127f;
  row_bytes(type, n);  // throws unless n is a multiple of the block size
  switch (type) {
    case DType::f32:
      return quantize_plain<float>(row, out, n, kLargestFloat);
    case DType::f16:
      return quantize_plain<Float16>(row, out, n, kLargestHalf);
    case DType::bf16:
      return quantize_plain<BFloat16>(row, out, n, kLargestBFloat);
    case DType::q8_0:
      return quantize_blocks<BlockQ8_0>(row, out, n);
    case DType::q4_0:
      return quantize_blocks<BlockQ4_0>(row, out, n);
    case DType::q4_k:
      return quantize_blocks<BlockQ4K>(row, out, n);
    case DType::q5_k:
      return quantize_blocks<BlockQ5K>(row, out, n);
    case DType::q6_k:
      return quantize_blocks<BlockQ6K>(row, out, n);
    default:
      fail_type(type);
  }
}

DType storable_type(DType wanted, int64_t cols) {
  const auto fits = [cols](DType type) { return cols % traits(type).block_size == 0; };
  if (fits(wanted)) return wanted;
  if (wanted == DType::q4_k && fits(DType::q4_0)) return DType::q4_0;
  return DType::bf16;
}

}  // namespace cobra
