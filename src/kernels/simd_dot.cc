// Decode: products of a few rows of activations with one tile of 16 weight rows.
// Quantised weights meet 8-bit activations in integer arithmetic, exact within a block, so that every
// instruction set and every number of rows gives the same sums; the blocks' float32 sums follow the order of
// the columns.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_dot.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/simd_tile-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

/// With VNNI the activations are multiplied as bytes, and their copy in 16 bits is not made.
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

#if HWY_TARGET == HWY_AVX3_DL
// Highway 1.0 asks for machines with VNNI in this target, but does not tell the compiler.
#define COBRA_VNNI __attribute__((target("avx512vnni")))

/// Blocks of a tile that stay in the first-level cache (8.7 KB of q8_0) while groups of rows pass by.
constexpr int64_t kBlocksTogether = 16;

/// Blocks that are fetched ahead of the one that is multiplied. Several rows take long for a block, so that
/// the processor does not look past it by itself; with a row or two it does, and 2 KB help.
template <class Fmt, int kRows>
constexpr int64_t blocks_ahead() {
  if (kRows >= 4) return kBlocksTogether;
  return Fmt::kNibbles ? 8 : 4;
}

/// Four columns of 16 rows as unsigned bytes: signed weights have 128 added.
template <class Fmt>
HWY_INLINE __m512i load_unsigned(const TileBlock& block, int group) {
  const __m512i bytes = _mm512_loadu_si512(block.q + (Fmt::kNibbles ? group % 4 : group) * 4 * kTileRows);
  if constexpr (Fmt::kNibbles) {
    return _mm512_and_si512(group < 4 ? bytes : _mm512_srli_epi16(bytes, 4), _mm512_set1_epi8(15));
  }
  return Fmt::kUnsigned ? bytes : _mm512_xor_si512(bytes, _mm512_set1_epi8(-128));
}

HWY_INLINE __m512i broadcast_four_bytes(const int8_t* q) {
  int32_t four = 0;
  std::memcpy(&four, q, sizeof(four));
  return _mm512_set1_epi32(four);
}

/// dot_rows of all 16 rows of kTiles tiles at once, an instruction for 16 rows x 4 columns: the same
/// integers, so the same sums. Blocks [begin, end) are added to the sums of those before, in out
/// [tile][x.rows][16].
template <class Fmt, int kRows, int kTiles>
COBRA_VNNI void dot_rows_vnni(const std::byte* tile, int64_t tile_bytes, const QuantizedRows& x,
                              int64_t first_x, int64_t begin, int64_t end, float* out) {
  const RowsF d;
  // What load_unsigned added to the weights (128), or the file did (8), is taken away again.
  constexpr int32_t kAdded = Fmt::kNibbles ? Fmt::kOffset : Fmt::kUnsigned ? 0 : 128;
  const auto start = [&](const int32_t* shift, int half) {
    if constexpr (kAdded == 0)
      return 0;
    else
      return shift[Fmt::kHalves == 2 ? half : 2] / (128 / kAdded);
  };
  constexpr int kGroups = kBlockCols / 4 / Fmt::kHalves;
  const auto to = [&](int i, int m) { return out + (i * x.rows + first_x + m) * kTileRows; };
  // One tile comes from memory: each group of rows fetches its share of the lines, so that memory is never
  // idle.
  constexpr int64_t kLines = Fmt::kNibbles ? 4 : 8;
  const int64_t first_line = kTiles == 1 ? kLines * first_x / x.rows : 0;
  const int64_t end_line = kTiles == 1 ? kLines * (first_x + kRows) / x.rows : first_x == 0 ? kLines : 0;
  VF sums[kTiles * kRows];
  for (int i = 0; i < kTiles; ++i) {
    for (int m = 0; m < kRows; ++m) sums[i * kRows + m] = begin == 0 ? hn::Zero(d) : hn::LoadU(d, to(i, m));
  }
  for (int64_t b = begin; b < end; ++b) {
    TileBlock block[kTiles];
    for (int i = 0; i < kTiles; ++i) {
      const std::byte* start_of_tile = tile + i * tile_bytes;
      block[i] = tile_block(Fmt::type, start_of_tile, b);
      const std::byte* coming = tile_block(Fmt::type, start_of_tile, b + blocks_ahead<Fmt, kRows>()).q;
      for (int64_t line = first_line; line < end_line; ++line) __builtin_prefetch(coming + 64 * line);
    }
    const int64_t at = x.block(first_x, b);
    for (int half = 0; half < Fmt::kHalves; ++half) {
      __m512i dots[kTiles * kRows];
      for (int m = 0; m < kRows; ++m) {
        const __m512i initial = _mm512_set1_epi32(start(x.shift + (at + m) * 3, half));
        for (int i = 0; i < kTiles; ++i) dots[i * kRows + m] = initial;
      }
      for (int g = half * kGroups; g < (half + 1) * kGroups; ++g) {
        __m512i quads[kTiles];
        for (int i = 0; i < kTiles; ++i) quads[i] = load_unsigned<Fmt>(block[i], g);
        for (int m = 0; m < kRows; ++m) {
          const __m512i four = broadcast_four_bytes(x.q + (at + m) * kBlockCols + 4 * g);
          for (int i = 0; i < kTiles; ++i) {
            dots[i * kRows + m] = _mm512_dpbusd_epi32(dots[i * kRows + m], quads[i], four);
          }
        }
      }
      for (int i = 0; i < kTiles; ++i) {
        const VF scale = Fmt::scale(block[i], half, 0);
        for (int m = 0; m < kRows; ++m) {
          VF& sum = sums[i * kRows + m];
          const VF both = hn::Mul(scale, hn::Set(d, x.scale[at + m]));
          sum = hn::MulAdd(hn::ConvertTo(d, VI{dots[i * kRows + m]}), both, sum);
        }
      }
    }
    if constexpr (Fmt::kHasMinimum) {
      for (int i = 0; i < kTiles; ++i) {
        const VF minimum = Fmt::minimum(block[i], 0);
        for (int m = 0; m < kRows; ++m) {
          VF& sum = sums[i * kRows + m];
          sum = hn::NegMulAdd(minimum, hn::Set(d, x.sum[at + m]), sum);
        }
      }
    }
  }
  for (int i = 0; i < kTiles; ++i) {
    for (int m = 0; m < kRows; ++m) hn::StoreU(sums[i * kRows + m], d, to(i, m));
  }
}

/// kTiles tiles with all rows, kMostRows at a time, block by block or `together` blocks for all rows before
/// the next.
template <class Fmt, int kTiles, int kMostRows>
void dot_tiles(const std::byte* tile, int64_t tile_bytes, const QuantizedRows& x, int64_t together,
               float* out) {
  const int64_t blocks = x.cols / kBlockCols;
  for (int64_t begin = 0; begin < blocks; begin += together) {
    const int64_t end = std::min(begin + together, blocks);
    int64_t m = 0;
    const auto rows = [&](auto count) {
      for (; m + count <= x.rows; m += count) {
        dot_rows_vnni<Fmt, count, kTiles>(tile, tile_bytes, x, m, begin, end, out);
      }
    };
    if constexpr (kMostRows >= 8) rows(std::integral_constant<int, 8>());
    rows(std::integral_constant<int, 4>());
    rows(std::integral_constant<int, 2>());
    rows(std::integral_constant<int, 1>());
  }
}

/// A row or two stream through the weights, which are in memory; so do 8 at a time. More rows are a prompt's,
/// for which the weights are in the second-level cache: two tiles share what is loaded of the activations.
void dot_packed(const WeightMatrix& w, int64_t first, int64_t count, const QuantizedRows& x, float* out) {
  const std::byte* tiles = w.tile(first);
  const int64_t tile_bytes = w.tile_bytes(), tile_sums = x.rows * kTileRows;
  const int64_t together = x.rows > 2 ? kBlocksTogether : x.cols / kBlockCols;
  with_format(w.type, [&](auto format) {
    using Fmt = decltype(format);
    int64_t t = 0;
    if (x.rows > 16) {
      for (; t + 2 <= count; t += 2) {
        dot_tiles<Fmt, 2, 4>(tiles + t * tile_bytes, tile_bytes, x, together, out + t * tile_sums);
      }
    }
    for (; t < count; ++t) {
      dot_tiles<Fmt, 1, 8>(tiles + t * tile_bytes, tile_bytes, x, together, out + t * tile_sums);
    }
  });
}
#else
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
#endif

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
    VF largest = hn::Zero(d);
    for (int64_t i = 0; i < kBlockCols; i += lanes)
      largest = hn::Max(largest, hn::Abs(hn::LoadU(d, block + i)));
    const float maximum = hn::GetLane(hn::MaxOfLanes(d, largest));
    const VF inverse = hn::Set(d, maximum > 0.0f ? 127.0f / maximum : 0.0f);
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
    out.scale[to] = maximum / 127.0f;
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
  table.dot_packed = dot_packed;
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
