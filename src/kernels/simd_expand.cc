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

// AVX512-BF16 rounds and packs two vectors at once. Highway 1.0 has no target for it: this pass tells the
// compiler, and add_to asks the machine.
#undef COBRA_ROUNDS_PAIRS
#undef COBRA_BEFORE_NAMESPACE
#if HWY_TARGET == HWY_AVX3_DL
#define COBRA_ROUNDS_PAIRS 1
#define COBRA_BEFORE_NAMESPACE() HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
#else
#define COBRA_ROUNDS_PAIRS 0
#define COBRA_BEFORE_NAMESPACE() HWY_BEFORE_NAMESPACE()
#endif

#if HWY_TARGET != HWY_SCALAR
COBRA_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

/// Four columns of `lanes` rows, one byte each in `quads`, times the scale and less the minimum.
template <class Fmt>
HWY_INLINE void expand_quad(hn::Vec<RowsI> quads, VF scale, VF minimum, VF* columns) {
  const RowsF d;
  const RowsI di;
  const RowsU du;
  const auto column = [&](auto shifted_up) {  // the byte now stands on top
    hn::Vec<RowsI> q;
    if constexpr (Fmt::kUnsigned || Fmt::kNibbles) {
      q = hn::BitCast(di, hn::ShiftRight<24>(hn::BitCast(du, shifted_up)));
    } else {
      q = hn::ShiftRight<24>(shifted_up);
    }
    if constexpr (Fmt::kOffset != 0) q = hn::Sub(q, hn::Set(di, Fmt::kOffset));
    VF value = hn::Mul(hn::ConvertTo(d, q), scale);
    if constexpr (Fmt::kHasMinimum) value = hn::Sub(value, minimum);
    return value;
  };
  columns[0] = column(hn::ShiftLeft<24>(quads));
  columns[1] = column(hn::ShiftLeft<16>(quads));
  columns[2] = column(hn::ShiftLeft<8>(quads));
  columns[3] = column(quads);
}

/// One block of 32 columns of a tile; store(column, first row, four columns) is told where they stand in it.
template <class Fmt, class Store>
HWY_INLINE void expand_block(const TileBlock& block, const Store& store) {
  const RowsI di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(RowsF()));
  for (int64_t first = 0; first < kTileRows; first += lanes) {
    VF minimum = hn::Zero(RowsF());
    if constexpr (Fmt::kHasMinimum) minimum = Fmt::minimum(block, first);
    const VF scales[2] = {Fmt::scale(block, 0, first), Fmt::scale(block, Fmt::kHalves - 1, first)};
    const auto quads_at = [&](int group) {
      return hn::LoadU(di, reinterpret_cast<const int32_t*>(block.q + group * 4 * kTileRows) + first);
    };
    for (int g = 0; g < kBlockCols / 4; ++g) {
      hn::Vec<RowsI> quads;
      if constexpr (Fmt::kNibbles) {
        const auto low = hn::Set(di, 0x0f0f0f0f);
        quads = g < 4 ? hn::And(quads_at(g), low) : hn::And(hn::ShiftRight<4>(quads_at(g - 4)), low);
      } else {
        quads = quads_at(g);
      }
      VF columns[4];
      expand_quad<Fmt>(quads, scales[g / 4], minimum, columns);
      store(4 * g, first, columns);
    }
  }
}

/// Two columns, rounded to bfloat16, beside each other for each row.
struct StorePair {
  HWY_INLINE void operator()(VF even, VF odd, BFloat16* out) const {
    const RowsF d;
    const RowsU du;
    const auto low = hn::ShiftRight<16>(rounded_bits(d, even));
    const auto high = hn::AndNot(hn::Set(du, 0xffffu), rounded_bits(d, odd));
    hn::StoreU(hn::Or(low, high), du, reinterpret_cast<uint32_t*>(out));
  }
};

#if COBRA_ROUNDS_PAIRS
/// Words 0, 16, 1, 17, ...
alignas(64) constexpr uint16_t kBesideEachOther[] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                     21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                     11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

/// The same in two instructions instead of eleven, for machines with AVX512-BF16.
struct StorePairAtOnce {
  HWY_INLINE void operator()(VF even, VF odd, BFloat16* out) const {
    const auto halves = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd.raw, even.raw));  // even below odd
    _mm512_storeu_si512(out, _mm512_permutexvar_epi16(_mm512_load_si512(kBesideEachOther), halves));
  }
};
#endif

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

template <class Store>
void expand_pairs(const WeightMatrix& w, int64_t t, int64_t col, BFloat16* out) {
  const Store store_pair;
  if (w.type == DType::bf16) return interleave_pairs(w, t, col, out);
  with_format(w.type, [&](auto format) {
    expand_block<decltype(format)>(tile_block(format.type, w.tile(t), col / kBlockCols),
                                   [&](int64_t column, int64_t row, const VF* columns) {
                                     BFloat16* quad = out + column * kTileRows + row * 2;
                                     store_pair(columns[0], columns[1], quad);
                                     store_pair(columns[2], columns[3], quad + 2 * kTileRows);
                                   });
  });
}

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
  table.expand_pairs = expand_pairs<StorePair>;
#if COBRA_ROUNDS_PAIRS
  if (has_avx512_bf16()) table.expand_pairs = expand_pairs<StorePairAtOnce>;
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
