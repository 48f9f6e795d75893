// Prefill: quantised tiles to pairs of columns in bfloat16, and plain types to float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_expand.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <cstring>

#include "kernels/block_product.h"
#include "kernels/quant.h"
#include "kernels/simd_tile-inl.h"

// Pairs are made for AMX and AVX512-BF16 only; a machine that has either has this target. A unit that
// multiplies pairs is there on machines that have AVX512-BF16.
#undef COBRA_HAS_PAIRS
#define COBRA_HAS_PAIRS (HWY_TARGET == HWY_AVX3_DL)

#if HWY_TARGET != HWY_SCALAR
COBRA_BEFORE_NAMESPACE(",avx512bf16");
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

#if COBRA_HAS_PAIRS
constexpr int kHalfRows = kTileRows / 2;

/// Byte i of a vector becomes byte bytes[i] of another.
struct alignas(64) BytesOf {
  uint8_t bytes[64] = {};
};

/// Of four columns of 16 rows, a byte each, two columns of 8 rows beside each other: column c of row r goes
/// to the uppermost byte of lane 2 r + c.
constexpr BytesOf pair_of(int pair, int half) {
  BytesOf order;
  for (int lane = 0; lane < kTileRows; ++lane)
    order.bytes[4 * lane + 3] = static_cast<uint8_t>((half * kHalfRows + lane / 2) * 4 + 2 * pair + lane % 2);
  return order;
}
constexpr BytesOf kPairs[2][2] = {{pair_of(0, 0), pair_of(0, 1)}, {pair_of(1, 0), pair_of(1, 1)}};
constexpr __mmask64 kUppermostBytes = 0x8888888888888888;
constexpr float kUppermost = 0x1p24f;  // what a byte there counts

/// The values of 8 rows each twice: as the rows of `half` stand in pairs.
HWY_INLINE VF twice(VF rows, int half) {
  const auto lanes =
      _mm512_srli_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 1);
  return VF{_mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(half * kHalfRows)), rows.raw)};
}

/// One block of 32 columns of a tile to out [16 pairs][16 rows][2]: the bytes go where pairs want them and
/// become float32, which AVX512-BF16 rounds and packs, two vectors at once.
template <class Fmt>
HWY_INLINE void expand_block(const TileBlock& block, BFloat16* out) {
  const RowsF d;
  const RowsI di;
  VF minimum[2], scale[2][2];  // [half of the rows], [half of the columns][half of the rows]
  for (int rows = 0; rows < 2; ++rows) {
    if constexpr (Fmt::kHasMinimum) minimum[rows] = twice(Fmt::minimum(block, 0), rows);
    for (int cols = 0; cols < 2; ++cols) {
      const VF of_half = Fmt::scale(block, std::min(cols, Fmt::kHalves - 1), 0);
      scale[cols][rows] = twice(hn::Mul(of_half, hn::Set(d, 1 / kUppermost)), rows);
    }
  }
  for (int group = 0; group < kBlockCols / 4; ++group) {
    const auto bytes = load_four<Fmt, false>(block, group, 0).raw;
    for (int pair = 0; pair < 2; ++pair) {
      const auto values = [&](int rows) {
        const auto order = _mm512_load_si512(kPairs[pair][rows].bytes);
        hn::Vec<RowsI> quants{_mm512_maskz_permutexvar_epi8(kUppermostBytes, order, bytes)};
        if constexpr (Fmt::kOffset != 0) quants = hn::Sub(quants, hn::Set(di, Fmt::kOffset << 24));
        VF value = hn::Mul(hn::ConvertTo(d, quants), scale[group / 4][rows]);
        if constexpr (Fmt::kHasMinimum) value = hn::Sub(value, minimum[rows]);
        return value.raw;
      };
      const auto rounded = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(values(1), values(0)));
      _mm512_storeu_si512(out + (4 * group + 2 * pair) * kTileRows, rounded);
    }
  }
}

/// Four rows of 16 pairs of columns, `stride` bytes apart, to every fourth place of out [16][16].
HWY_INLINE void interleave_rows(const std::byte* rows, int64_t stride, uint32_t* out) {
  const hn::FixedTag<uint32_t, 4> d;
  const hn::Repartition<uint64_t, decltype(d)> d64;
  const auto load = [&](int64_t r, int64_t pair) {
    return hn::LoadU(d, reinterpret_cast<const uint32_t*>(rows + r * stride) + pair);
  };
  const auto store = [&](auto v, int64_t pair) { hn::StoreU(hn::BitCast(d, v), d, out + pair * kTileRows); };
  for (int64_t pair = 0; pair < kBlockCols / 2; pair += 4) {
    const auto a = load(0, pair), b = load(1, pair), c = load(2, pair), e = load(3, pair);
    const auto ab = hn::BitCast(d64, hn::InterleaveLower(d, a, b)),
               ce = hn::BitCast(d64, hn::InterleaveLower(d, c, e));
    const auto AB = hn::BitCast(d64, hn::InterleaveUpper(d, a, b)),
               CE = hn::BitCast(d64, hn::InterleaveUpper(d, c, e));
    store(hn::InterleaveLower(d64, ab, ce), pair);
    store(hn::InterleaveUpper(d64, ab, ce), pair + 1);
    store(hn::InterleaveLower(d64, AB, CE), pair + 2);
    store(hn::InterleaveUpper(d64, AB, CE), pair + 3);
  }
}

void interleave_pairs(const WeightMatrix& w, int64_t t, int64_t col, BFloat16* out) {
  const int64_t stride = w.cols * static_cast<int64_t>(sizeof(*out));
  const std::byte* first = w.tile(t) + col * static_cast<int64_t>(sizeof(*out));
  for (int64_t r = 0; r < kTileRows; r += 4) {
    interleave_rows(first + r * stride, stride, reinterpret_cast<uint32_t*>(out) + r);
  }
}

template <class Fmt>
void expand_blocks(const std::byte* tile, int64_t col, int64_t cols, BFloat16* out) {
  for (int64_t c = 0; c < cols; c += kBlockCols)
    expand_block<Fmt>(tile_block(Fmt::type, tile, (col + c) / kBlockCols), out + c * kTileRows);
}

void expand_pairs(const WeightMatrix& w, int64_t t, int64_t col, int64_t cols, BFloat16* out) {
  if (w.type != DType::bf16) {
    return with_format(w.type, [&](auto f) { expand_blocks<decltype(f)>(w.tile(t), col, cols, out); });
  }
  for (int64_t c = 0; c < cols; c += kBlockCols) {
    const bool whole = (t + 1) * kTileRows <= w.rows && col + c + kBlockCols <= w.cols;
    whole ? interleave_pairs(w, t, col + c, out + c * kTileRows)
          : reference_kernels().expand_pairs(w, t, col + c, kBlockCols, out + c * kTileRows);
  }
}
#endif

void widen(DType type, const std::byte* values, int64_t n, float* out) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  if (type == DType::bf16) {
    const hn::Rebind<hwy::bfloat16_t, decltype(d)> d16;
    for (; i + lanes <= n; i += lanes) {
      hn::StoreU(hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::bfloat16_t*>(values) + i)), d,
                 out + i);
    }
  } else if (type == DType::f16) {
    const hn::Rebind<hwy::float16_t, decltype(d)> d16;
    for (; i + lanes <= n; i += lanes) {
      hn::StoreU(hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(values) + i)), d,
                 out + i);
    }
  }
  if (i < n) dequantize_row(type, values + i * traits(type).block_bytes, out + i, n - i);
}

}  // namespace

static void add_to(KernelTable& table) {
#if COBRA_HAS_PAIRS
  if (has_avx512_bf16()) {
    table.expand_pairs = expand_pairs;
    table.block_unit = best_block_unit();
  }
#endif
  table.widen = widen;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
COBRA_DEFINE_ADD_KERNELS(add_expand_kernels)
#endif
