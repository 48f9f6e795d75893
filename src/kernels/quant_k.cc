// The K formats of ggml, q4_k, q5_k and q6_k: blocks of 256 values whose sub-blocks have quantised scales.
// Layouts: quant_blocks.h. Quantising is this project's own search (quant_search.h), not ggml's; the formats
// leave it free. Importance matrices are left out.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/quant_blocks.h"
#include "kernels/quant_search.h"

namespace cobra {
namespace {

// ---- shared by q4_k and q5_k
// -----------------------------------------------------------------------------------

void pack(const ScalesAndMinima& s, uint8_t* packed) {
  for (int i = 0; i < 4; ++i) {
    packed[i] = static_cast<uint8_t>(s.scale[i] | (s.scale[i + 4] >> 4) << 6);
    packed[i + 4] = static_cast<uint8_t>(s.minimum[i] | (s.minimum[i + 4] >> 4) << 6);
    packed[i + 8] = static_cast<uint8_t>((s.scale[i + 4] & 15) | (s.minimum[i + 4] & 15) << 4);
  }
}

/// The half d such that d * 0 .. d * top covers `largest`. Among subnormal halves rounding down could lose
/// much of the range, or all of it, so those round up.
Float16 unit_for(float largest, int top) {
  Float16 d = to_float16(std::min(largest / static_cast<float>(top), kLargestHalf));
  if (to_float(d) * (static_cast<float>(top) + 0.5f) < largest && to_float(d) < kLargestHalf) ++d.bits;
  return d;
}

/// value / unit to the nearest integer of 0 .. top.
int multiple_of(float value, float unit, int top) {
  if (unit == 0.0f) return 0;
  return static_cast<int>(std::min(value / unit + 0.5f, static_cast<float>(top)));
}

constexpr int kTopScale = 63;

Grid fit_grid(const SubBlock<32>& block, CodeRange range) {
  constexpr int kCandidates = 12;
  constexpr float kNarrowest = -3.0f,
                  kWidest = 1.0f;  // codes by which the span of the values may miss the range
  const float low = std::min(block.lowest, 0.0f);
  const float span = block.highest - low;
  if (span < kSmallestSpread) return {0.0f, -low};
  GridSearch<32> search(block, range, refit<32>);
  for (int i = 0; i < kCandidates; ++i) {
    const float extra = kNarrowest + (kWidest - kNarrowest) * static_cast<float>(i) / (kCandidates - 1);
    search.consider((range.high + extra) / span, -low);
  }
  search.alternate(2);
  return search.best();
}

/// Replaces a rounded scale and minimum by the best of their 3 x 3 neighbours.
void improve(const SubBlock<32>& block, CodeRange range, Grid unit, uint8_t& scale, uint8_t& minimum) {
  const int scale0 = scale, minimum0 = minimum;
  float best = -std::numeric_limits<float>::infinity();
  for (int s = std::max(scale0 - 1, 0); s <= std::min(scale0 + 1, kTopScale); ++s) {
    for (int m = std::max(minimum0 - 1, 0); m <= std::min(minimum0 + 1, kTopScale); ++m) {
      const float gained =
          gain(block, {unit.step * static_cast<float>(s), unit.offset * static_cast<float>(m)}, range);
      if (!(gained > best)) continue;
      best = gained;
      scale = static_cast<uint8_t>(s);
      minimum = static_cast<uint8_t>(m);
    }
  }
}

void encode(const float* x, int n, Grid grid, CodeRange range, uint8_t* codes) {
  const float inverse_step = grid.step == 0.0f ? 0.0f : 1.0f / grid.step;
  for (int i = 0; i < n; ++i) {
    codes[i] =
        static_cast<uint8_t>(static_cast<int>(code_of(x[i], inverse_step, grid.offset, range) - range.low));
  }
}

/// Fills d, dmin and scales of a block and gives the 256 codes of 0 .. top.
template <typename Block>
void quantize_with_minima(const float* x, int top, Block& block, uint8_t* codes) {
  const CodeRange range{0.0f, static_cast<float>(top)};
  Grid grids[8];
  Grid largest;
  for (int b = 0; b < 8; ++b) {
    grids[b] = fit_grid(SubBlock<32>(x + 32 * b), range);
    largest = {std::max(largest.step, grids[b].step), std::max(largest.offset, grids[b].offset)};
  }
  block.d = unit_for(largest.step, kTopScale);
  block.dmin = unit_for(largest.offset, kTopScale);
  const Grid unit{to_float(block.d), to_float(block.dmin)};
  ScalesAndMinima s;
  for (int b = 0; b < 8; ++b) {
    s.scale[b] = static_cast<uint8_t>(multiple_of(grids[b].step, unit.step, kTopScale));
    s.minimum[b] = static_cast<uint8_t>(multiple_of(grids[b].offset, unit.offset, kTopScale));
    improve(SubBlock<32>(x + 32 * b), range, unit, s.scale[b], s.minimum[b]);
    const Grid stored{unit.step * static_cast<float>(s.scale[b]),
                      unit.offset * static_cast<float>(s.minimum[b])};
    encode(x + 32 * b, 32, stored, range, codes + 32 * b);
  }
  pack(s, block.scales);
}

/// Low nibbles of q4_k and q5_k: two sub-blocks to each 32 bytes.
void pack_nibbles(const uint8_t* codes, uint8_t* qs) {
  for (int pair = 0; pair < 4; ++pair, codes += 64, qs += 32) {
    for (int i = 0; i < 32; ++i) qs[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 32] & 15) << 4);
  }
}

// ---- q6_k
// ------------------------------------------------------------------------------------------------------

constexpr CodeRange kRange6{-32.0f, 31.0f};
constexpr int kTopScale6 = 127;

/// The step of 16 values, negative where the value of largest magnitude is positive: it then has code -32,
/// the one without a mirror image.
float fit_step6(const SubBlock<16>& block) {
  constexpr int kCandidates = 7;
  constexpr float kNarrowest = -3.5f, kWidest = 0.5f;  // codes by which the extreme value may miss -32
  const float extreme = block.highest > -block.lowest ? block.highest : block.lowest;
  if (std::fabs(extreme) < kSmallestSpread) return 0.0f;
  GridSearch<16> search(block, kRange6, refit_step<16>);
  for (int i = 0; i < kCandidates; ++i) {
    const float extra = kNarrowest + (kWidest - kNarrowest) * static_cast<float>(i) / (kCandidates - 1);
    search.consider((kRange6.low - extra) / extreme, 0.0f);
  }
  search.alternate(1);
  return search.best().step;
}

/// Multiple of d for a step: the rounded one or a neighbour, whichever gains most.
int8_t choose_scale6(const SubBlock<16>& block, float step, float d) {
  const int sign = step < 0.0f ? -1 : 1;
  const int rounded = multiple_of(std::fabs(step), d, kTopScale6);
  float best = -std::numeric_limits<float>::infinity();
  int scale = 0;
  for (int s = std::max(rounded - 1, 0); s <= std::min(rounded + 1, kTopScale6); ++s) {
    const float gained = gain(block, Grid{d * static_cast<float>(sign * s), 0.0f}, kRange6);
    if (!(gained > best)) continue;
    best = gained;
    scale = sign * s;
  }
  return static_cast<int8_t>(scale);
}

void pack6(const uint8_t* codes, BlockQ6K& block) {
  uint8_t* ql = block.ql;
  uint8_t* qh = block.qh;
  for (int half = 0; half < 2; ++half, codes += 128, ql += 64, qh += 32) {
    for (int i = 0; i < 64; ++i) ql[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 64] & 15) << 4);
    for (int i = 0; i < 32; ++i) {
      qh[i] = static_cast<uint8_t>(codes[i] >> 4 | codes[i + 32] >> 4 << 2 | codes[i + 64] >> 4 << 4 |
                                   codes[i + 96] >> 4 << 6);
    }
  }
}

}  // namespace

void dequantize_block(const BlockQ4K& block, float* out) {
  const ScalesAndMinima s = unpack_scales(block.scales);
  const float d = to_float(block.d), dmin = to_float(block.dmin);
  for (int b = 0; b < 8; ++b) {
    const float step = d * static_cast<float>(s.scale[b]), offset = dmin * static_cast<float>(s.minimum[b]);
    const uint8_t* qs = block.qs + 32 * (b / 2);
    const int shift = 4 * (b % 2);
    for (int i = 0; i < 32; ++i) out[32 * b + i] = step * static_cast<float>(qs[i] >> shift & 15) - offset;
  }
}

void dequantize_block(const BlockQ5K& block, float* out) {
  const ScalesAndMinima s = unpack_scales(block.scales);
  const float d = to_float(block.d), dmin = to_float(block.dmin);
  for (int b = 0; b < 8; ++b) {
    const float step = d * static_cast<float>(s.scale[b]), offset = dmin * static_cast<float>(s.minimum[b]);
    const uint8_t* qs = block.qs + 32 * (b / 2);
    const int shift = 4 * (b % 2);
    for (int i = 0; i < 32; ++i) {
      const int q = (qs[i] >> shift & 15) | (block.qh[i] >> b & 1) << 4;
      out[32 * b + i] = step * static_cast<float>(q) - offset;
    }
  }
}

void dequantize_block(const BlockQ6K& block, float* out) {
  const float d = to_float(block.d);
  for (int part = 0; part < 8; ++part) {  // 32 values: two sub-blocks, a quarter of a half
    const int half = part / 4, quarter = part % 4;
    const uint8_t* ql = block.ql + 64 * half + 32 * (quarter % 2);
    const uint8_t* qh = block.qh + 32 * half;
    for (int sub = 0; sub < 2; ++sub) {
      const float step = d * static_cast<float>(block.scales[2 * part + sub]);
      for (int i = 16 * sub; i < 16 * sub + 16; ++i) {
        const int q = (ql[i] >> 4 * (quarter / 2) & 15) | (qh[i] >> 2 * quarter & 3) << 4;
        out[32 * part + i] = step * static_cast<float>(q - 32);
      }
    }
  }
}

void quantize_block(const float* x, BlockQ4K& block) {
  uint8_t codes[256];
  quantize_with_minima(x, 15, block, codes);
  pack_nibbles(codes, block.qs);
}

void quantize_block(const float* x, BlockQ5K& block) {
  uint8_t codes[256];
  quantize_with_minima(x, 31, block, codes);
  pack_nibbles(codes, block.qs);
  for (int i = 0; i < 32; ++i) {
    int bits = 0;
    for (int b = 0; b < 8; ++b) bits |= codes[32 * b + i] >> 4 << b;
    block.qh[i] = static_cast<uint8_t>(bits);
  }
}

void quantize_block(const float* x, BlockQ6K& block) {
  float steps[16];
  float largest = 0.0f;
  for (int b = 0; b < 16; ++b) {
    steps[b] = fit_step6(SubBlock<16>(x + 16 * b));
    largest = std::max(largest, std::fabs(steps[b]));
  }
  block.d = unit_for(largest, kTopScale6);
  const float d = to_float(block.d);
  uint8_t codes[256];
  for (int b = 0; b < 16; ++b) {
    block.scales[b] = choose_scale6(SubBlock<16>(x + 16 * b), steps[b], d);
    encode(x + 16 * b, 16, {d * static_cast<float>(block.scales[b]), 0.0f}, kRange6, codes + 16 * b);
  }
  pack6(codes, block);
}

}  // namespace cobra
