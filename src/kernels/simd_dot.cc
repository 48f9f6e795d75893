// Decode: products of a few rows of activations with one tile of 16 weight rows.
// Quantised weights meet 8-bit activations in integer arithmetic, exact within a block, so that every
// instruction set and every number of rows gives the same sums; the blocks' float32 sums follow the order of
// the columns. Here bytes are widened to 16 bits first; simd_dot_bytes.cc is for machines that multiply
// bytes.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_dot.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <cstring>

#include "kernels/simd_math-inl.h"
#include "kernels/simd_tile-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

/// With AVX-512 VNNI activations are always multiplied as bytes, and their copy in 16 bits is not made.
constexpr bool kMultipliesBytes = HWY_TARGET == HWY_AVX3_DL;

using Int16s = hn::Repartition<int16_t, RowsI>;
using VI = hn::Vec<RowsI>;
using V16 = hn::Vec<Int16s>;

/// out[i] = a[2i] b[2i] + a[2i+1] b[2i+1]; Highway 1.0 has no word for it that keeps the order of lanes.
HWY_INLINE VI pairwise_dot(V16 a, V16 b) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  return VI{_mm512_madd_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_AVX2
  return VI{_mm256_madd_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_SSE4
  return VI{_mm_madd_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_NEON
  return VI{vpaddq_s32(vmull_s16(vget_low_s16(a.raw), vget_low_s16(b.raw)), vmull_high_s16(a.raw, b.raw))};
#else
  const RowsI d;
  const auto wide_a = hn::BitCast(d, a), wide_b = hn::BitCast(d, b);
  const auto even = [](VI v) { return hn::ShiftRight<16>(hn::ShiftLeft<16>(v)); };
  const auto odd = [](VI v) { return hn::ShiftRight<16>(v); };
  return hn::Add(hn::Mul(even(wide_a), even(wide_b)), hn::Mul(odd(wide_a), odd(wide_b)));
#endif
}

/// Four columns of half a vector of rows (row-major bytes) as int16. Group g of 8; `part` 0 or 1 picks the
/// half.
template <class Fmt>
HWY_INLINE V16 load_quads(const TileBlock& block, int group, int64_t first, int part) {
  const Int16s d;
  const auto half_rows = static_cast<int64_t>(hn::Lanes(RowsI())) / 2;
  const int stored_group = Fmt::kNibbles ? group % 4 : group;
  const std::byte* bytes = block.q + stored_group * 4 * kTileRows + (first + part * half_rows) * 4;
  if constexpr (Fmt::kNibbles || Fmt::kUnsigned) {
    const hn::Rebind<uint8_t, Int16s> d8;
    const V16 wide = hn::PromoteTo(d, hn::LoadU(d8, reinterpret_cast<const uint8_t*>(bytes)));
    if constexpr (!Fmt::kNibbles) return wide;
    return group < 4 ? hn::And(wide, hn::Set(d, int16_t{15})) : hn::ShiftRight<4>(wide);
  } else {
    const hn::Rebind<int8_t, Int16s> d8;
    return hn::PromoteTo(d, hn::LoadU(d8, reinterpret_cast<const int8_t*>(bytes)));
  }
}

/// Four activations in every group of four lanes.
HWY_INLINE V16 broadcast_four(const int16_t* x) {
  const hn::Repartition<int64_t, Int16s> d64;
  int64_t four = 0;
  std::memcpy(&four, x, sizeof(four));
  return hn::BitCast(Int16s(), hn::Set(d64, four));
}

/// Integer products of kRows activation rows with groups [g_begin, g_end) of a block, for the rows [first,
/// first + lanes).
template <class Fmt, int kRows>
HWY_INLINE void block_dot(const TileBlock& block, const int16_t* x, int64_t first, int g_begin, int g_end,
                          VI* dots) {
  const RowsI d;
  VI low[kRows], high[kRows];
  for (int m = 0; m < kRows; ++m) low[m] = high[m] = hn::Zero(d);
  for (int g = g_begin; g < g_end; ++g) {
    const V16 w_low = load_quads<Fmt>(block, g, first, 0), w_high = load_quads<Fmt>(block, g, first, 1);
    for (int m = 0; m < kRows; ++m) {
      const V16 four = broadcast_four(x + m * kBlockCols + 4 * g);
      low[m] = hn::Add(low[m], pairwise_dot(w_low, four));
      high[m] = hn::Add(high[m], pairwise_dot(w_high, four));
    }
  }
  // Two partial sums stand side by side for each row.
  for (int m = 0; m < kRows; ++m) {
    dots[m] = hn::Add(hn::ConcatEven(d, high[m], low[m]), hn::ConcatOdd(d, high[m], low[m]));
  }
}

/// The rows [first, first + lanes) of a tile for kRows activation rows, over all blocks.
template <class Fmt, int kRows>
HWY_INLINE void dot_rows(const std::byte* tile, const QuantizedRows& x, int64_t first_x, int64_t first,
                         float* out) {
  const RowsF d;
  const int64_t blocks = x.cols / kBlockCols;
  constexpr int kGroups = kBlockCols / 4 / Fmt::kHalves;
  VF sums[kRows];
  for (int m = 0; m < kRows; ++m) sums[m] = hn::Zero(d);
  for (int64_t b = 0; b < blocks; ++b) {
    const TileBlock block = tile_block(Fmt::type, tile, b);
    const float* x_scale = x.scale + x.block(first_x, b);
    const float* x_sum = x.sum + x.block(first_x, b);
    for (int half = 0; half < Fmt::kHalves; ++half) {
      VI dots[kRows];
      block_dot<Fmt, kRows>(block, x.wide + x.block(first_x, b) * kBlockCols, first, half * kGroups,
                            (half + 1) * kGroups, dots);
      const VF scale = Fmt::scale(block, half, first);
      for (int m = 0; m < kRows; ++m) {
        if constexpr (Fmt::kOffset != 0) {
          const int32_t shift = x.shift[x.block(first_x + m, b) * 3 + 2] / (128 / Fmt::kOffset);
          dots[m] = hn::Add(dots[m], hn::Set(RowsI(), shift));
        }
        const VF both = hn::Mul(scale, hn::Set(d, x_scale[m]));
        sums[m] = hn::MulAdd(hn::ConvertTo(d, dots[m]), both, sums[m]);
      }
    }
    if constexpr (Fmt::kHasMinimum) {
      const VF minimum = Fmt::minimum(block, first);
      for (int m = 0; m < kRows; ++m) sums[m] = hn::NegMulAdd(minimum, hn::Set(d, x_sum[m]), sums[m]);
    }
  }
  for (int m = 0; m < kRows; ++m) hn::StoreU(sums[m], d, out + m * kTileRows + first);
}

template <class Fmt, int kRows>
void dot_tile(const WeightMatrix& w, int64_t t, const QuantizedRows& x, int64_t first_x, float* out) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(RowsF()));
  for (int64_t first = 0; first < kTileRows; first += lanes) {
    dot_rows<Fmt, kRows>(w.tile(t), x, first_x, first, out + first_x * kTileRows);
  }
}

void dot_packed(const WeightMatrix& w, int64_t first, int64_t count, const QuantizedRows& x, float* out) {
  with_format(w.type, [&](auto format) {
    using Fmt = decltype(format);
    for (int64_t t = first; t < first + count; ++t, out += x.rows * kTileRows) {
      int64_t m = 0;
      for (; m + 2 <= x.rows; m += 2) dot_tile<Fmt, 2>(w, t, x, m, out);
      if (m < x.rows) dot_tile<Fmt, 1>(w, t, x, m, out);
    }
  });
}

/// Sums of the two halves of a block's 32 bytes.
HWY_INLINE void sum_halves(const int8_t* q, int32_t* halves) {
  const hn::CappedTag<uint8_t, kBlockCols> d;
  constexpr int64_t kHalf = kBlockCols / 2, kBytes = hn::MaxLanes(d);
  uint64_t eights[kBlockCols / 8];
  for (int64_t i = 0; i < kBlockCols; i += kBytes) {
    const auto raised =
        hn::Xor(hn::LoadU(d, reinterpret_cast<const uint8_t*>(q) + i), hn::Set(d, uint8_t{128}));
    hn::StoreU(hn::SumsOf8(raised), hn::Repartition<uint64_t, decltype(d)>(), eights + i / 8);
  }
  for (int i = 0; i < 2; ++i) {
    halves[i] = static_cast<int32_t>(eights[2 * i] + eights[2 * i + 1]) - static_cast<int32_t>(128 * kHalf);
  }
}

void quantize_row(const float* x, int64_t n, const QuantizedRow& out) {
  const RowsF d;
  const hn::Rebind<int16_t, RowsF> d16;
  const hn::Rebind<int8_t, RowsF> d8;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t b = 0; b < n / kBlockCols; ++b) {
    const float* block = x + b * kBlockCols;
    const int64_t to = b * out.rows;
    const float largest = largest_magnitude(block, kBlockCols);
    const VF inverse = hn::Set(d, largest > 0.0f ? 127.0f / largest : 0.0f);
    int8_t* q = out.q + to * kBlockCols;
    for (int64_t i = 0; i < kBlockCols; i += lanes) {
      const VI value = hn::NearestInt(hn::Mul(hn::LoadU(d, block + i), inverse));
      if constexpr (!kMultipliesBytes)
        hn::StoreU(hn::DemoteTo(d16, value), d16, out.wide + to * kBlockCols + i);
      hn::StoreU(hn::DemoteTo(d8, value), d8, q + i);
    }
    int32_t halves[2];
    sum_halves(q, halves);
    const int32_t total = halves[0] + halves[1];
    out.scale[to] = largest / 127.0f;
    out.shift[3 * to] = -128 * halves[0];
    out.shift[3 * to + 1] = -128 * halves[1];
    out.shift[3 * to + 2] = -128 * total;
    out.sum[to] = out.scale[to] * static_cast<float>(total);
  }
}

using F = hn::ScalableTag<float>;
using V = hn::Vec<F>;

HWY_INLINE V load_weights(const float* w) { return hn::LoadU(F(), w); }
HWY_INLINE V load_weights(const hwy::bfloat16_t* w) {
  return hn::PromoteTo(F(), hn::LoadU(hn::Rebind<hwy::bfloat16_t, F>(), w));
}
HWY_INLINE V load_weights(const hwy::float16_t* w) {
  return hn::PromoteTo(F(), hn::LoadU(hn::Rebind<hwy::float16_t, F>(), w));
}

/// kWeightRows rows of weights with one row of activations.
template <typename T, int kWeightRows>
HWY_INLINE void dot_plain_rows(const T* w, int64_t cols, const float* x, float* out) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kWeightRows];
  for (int r = 0; r < kWeightRows; ++r) sums[r] = hn::Zero(d);
  int64_t k = 0;
  for (; k + lanes <= cols; k += lanes) {
    const V input = hn::LoadU(d, x + k);
    for (int r = 0; r < kWeightRows; ++r)
      sums[r] = hn::MulAdd(load_weights(w + r * cols + k), input, sums[r]);
  }
  if (k < cols) {
    HWY_ALIGN float input[HWY_MAX_BYTES / sizeof(float)] = {};
    HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(float)] = {};
    std::memcpy(input, x + k, static_cast<size_t>(cols - k) * sizeof(float));
    for (int r = 0; r < kWeightRows; ++r) {
      std::memcpy(static_cast<void*>(rest), w + r * cols + k, static_cast<size_t>(cols - k) * sizeof(T));
      sums[r] = hn::MulAdd(load_weights(rest), hn::Load(d, input), sums[r]);
    }
  }
  for (int r = 0; r < kWeightRows; ++r) out[r] = hn::GetLane(hn::SumOfLanes(d, sums[r]));
}

template <typename T>
void dot_plain_tile(const WeightMatrix& w, int64_t t, const float* x, int64_t rows, int64_t ldx, float* out) {
  const T* weights = reinterpret_cast<const T*>(w.tile(t));
  const int64_t count = std::min<int64_t>(kTileRows, w.rows - t * kTileRows);
  for (int64_t m = 0; m < rows; ++m) {
    int64_t r = 0;
    for (; r + 4 <= count; r += 4) {
      dot_plain_rows<T, 4>(weights + r * w.cols, w.cols, x + m * ldx, out + m * kTileRows + r);
    }
    for (; r < count; ++r)
      dot_plain_rows<T, 1>(weights + r * w.cols, w.cols, x + m * ldx, out + m * kTileRows + r);
  }
}

void dot_plain(const WeightMatrix& w, int64_t t, const float* x, int64_t rows, int64_t ldx, float* out) {
  if (w.type == DType::f32) return dot_plain_tile<float>(w, t, x, rows, ldx, out);
  if (w.type == DType::bf16) return dot_plain_tile<hwy::bfloat16_t>(w, t, x, rows, ldx, out);
  dot_plain_tile<hwy::float16_t>(w, t, x, rows, ldx, out);
}

}  // namespace

static void add_to(KernelTable& table) {
  table.quantize_row = quantize_row;
  if constexpr (!kMultipliesBytes)
    table.dot_packed = dot_packed;  // or activations in 16 bits would be missing
  table.dot_plain = dot_plain;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
COBRA_DEFINE_ADD_KERNELS(add_dot_kernels)
#endif
