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
#include "kernels/simd_bfloat16-inl.h"
#include "kernels/simd_tile-inl.h"

// Pairs are made for AMX and AVX512-BF16 only; a machine that has either has this target. Highway 1.0 does
// not know AVX512-BF16: this pass tells the compiler, and a unit that multiplies pairs is there on machines
// that have it.
#undef COBRA_HAS_PAIRS
#undef COBRA_BEFORE_NAMESPACE
#if HWY_TARGET == HWY_AVX3_DL
#define COBRA_HAS_PAIRS 1
#define COBRA_BEFORE_NAMESPACE() HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
#else
#define COBRA_HAS_PAIRS 0
#define COBRA_BEFORE_NAMESPACE() HWY_BEFORE_NAMESPACE()
#endif

#if HWY_TARGET != HWY_SCALAR
COBRA_BEFORE_NAMESPACE();
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
/// to the second byte of lane 2 r + c.
constexpr BytesOf pair_of(int pair, int half) {
  BytesOf order;
  for (int lane = 0; lane < kTileRows; ++lane)
    order.bytes[4 * lane + 1] = static_cast<uint8_t>((half * kHalfRows + lane / 2) * 4 + 2 * pair + lane % 2);
  return order;
}
constexpr BytesOf kPairs[2][2] = {{pair_of(0, 0), pair_of(0, 1)}, {pair_of(1, 0), pair_of(1, 1)}};

/// A float32 with a byte b in its second byte and zeros below is kByteBase + b.
constexpr uint32_t kByteBaseBits = 0x47000000;
constexpr float kByteBase = 32768.0f;
constexpr __mmask64 kSecondBytes = 0x2222222222222222;

/// The values of 8 rows each twice: as the rows of `half` stand in pairs.
HWY_INLINE VF twice(VF rows, int half) {
  const auto lanes =
      _mm512_srli_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 1);
  return VF{_mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(half * kHalfRows)), rows.raw)};
}

/// One block of 32 columns of a tile to out [16 pairs][16 rows][2]: the bytes become float32 where pairs want
/// them, and AVX512-BF16 rounds and packs two vectors at once.
template <class Fmt>
HWY_INLINE void expand_block(const TileBlock& block, BFloat16* out) {
  const RowsF d;
  const VF zero = hn::Set(d, kByteBase + static_cast<float>(added_by_load<Fmt, true>()));
  const auto base = _mm512_set1_epi32(kByteBaseBits);
  VF minimum[2], scale[2][2];  // [half of the rows], [half of the columns][half of the rows]
  for (int rows = 0; rows < 2; ++rows) {
    if constexpr (Fmt::kHasMinimum) minimum[rows] = twice(Fmt::minimum(block, 0), rows);
    for (int cols = 0; cols < 2; ++cols)
      scale[cols][rows] = twice(Fmt::scale(block, std::min(cols, Fmt::kHalves - 1), 0), rows);
  }
  for (int group = 0; group < kBlockCols / 4; ++group) {
    const auto bytes = load_four<Fmt, true>(block, group, 0).raw;
    for (int pair = 0; pair < 2; ++pair) {
      const auto values = [&](int rows) {
        const auto order = _mm512_load_si512(kPairs[pair][rows].bytes);
        const VF placed{_mm512_castsi512_ps(_mm512_mask_permutexvar_epi8(base, kSecondBytes, order, bytes))};
        VF value = hn::Mul(hn::Sub(placed, zero), scale[group / 4][rows]);
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
  if ((t + 1) * kTileRows > w.rows || col + kBlockCols > w.cols) {  // the matrix ends within
    return reference_kernels().expand_pairs(w, t, col, out);
  }
  const int64_t stride = w.cols * static_cast<int64_t>(sizeof(*out));
  const std::byte* first = w.tile(t) + col * static_cast<int64_t>(sizeof(*out));
  for (int64_t r = 0; r < kTileRows; r += 4) {
    interleave_rows(first + r * stride, stride, reinterpret_cast<uint32_t*>(out) + r);
  }
}

void expand_pairs(const WeightMatrix& w, int64_t t, int64_t col, BFloat16* out) {
  if (w.type == DType::bf16) return interleave_pairs(w, t, col, out);
  with_format(w.type, [&](auto format) {
    expand_block<decltype(format)>(tile_block(format.type, w.tile(t), col / kBlockCols), out);
  });
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
