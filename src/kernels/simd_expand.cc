// Prefill: quantised tiles to columns of a float32 or bfloat16 panel, and plain types to float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_expand.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include "kernels/quant.h"
#include "kernels/simd_bfloat16-inl.h"
#include "kernels/simd_tile-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE void store(VF v, float* out) { hn::StoreU(v, RowsF(), out); }

/// Weights are finite.
HWY_INLINE void store(VF v, BFloat16* out) { store_rounded(RowsF(), v, out); }

/// Four columns of `lanes` rows, one byte each in `quads`, times the scale and less the minimum, to out[j *
/// ld].
template <class Fmt, typename T>
HWY_INLINE void expand_quad(hn::Vec<RowsI> quads, VF scale, VF minimum, T* out, int64_t ld) {
  const RowsF d;
  const RowsI di;
  const RowsU du;
  const auto column = [&](auto shifted_up, T* to) {  // the byte now stands on top
    hn::Vec<RowsI> q;
    if constexpr (Fmt::kUnsigned || Fmt::kNibbles) {
      q = hn::BitCast(di, hn::ShiftRight<24>(hn::BitCast(du, shifted_up)));
    } else {
      q = hn::ShiftRight<24>(shifted_up);
    }
    if constexpr (Fmt::kOffset != 0) q = hn::Sub(q, hn::Set(di, Fmt::kOffset));
    VF value = hn::Mul(hn::ConvertTo(d, q), scale);
    if constexpr (Fmt::kHasMinimum) value = hn::Sub(value, minimum);
    store(value, to);
  };
  column(hn::ShiftLeft<24>(quads), out);
  column(hn::ShiftLeft<16>(quads), out + ld);
  column(hn::ShiftLeft<8>(quads), out + 2 * ld);
  column(quads, out + 3 * ld);
}

/// One block of 32 columns of a tile to 32 rows of B.
template <class Fmt, typename T>
HWY_INLINE void expand_block(const TileBlock& block, T* B, int64_t ld) {
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
      expand_quad<Fmt>(quads, scales[g / 4], minimum, B + 4 * g * ld + first, ld);
    }
  }
}

/// Blocks outside, tiles inside: the 32 rows of B being written stay in the second-level cache.
template <typename T>
void expand(const WeightMatrix& w, int64_t first, int64_t count, T* B, int64_t ld) {
  with_format(w.type, [&](auto format) {
    for (int64_t b = 0; b < w.cols / kBlockCols; ++b) {
      for (int64_t i = 0; i < count; ++i) {
        expand_block<decltype(format)>(tile_block(format.type, w.tile(first + i), b),
                                       B + b * kBlockCols * ld + i * kTileRows, ld);
      }
    }
  });
}

void expand_f32(const WeightMatrix& w, int64_t first, int64_t count, float* B, int64_t ld) {
  expand(w, first, count, B, ld);
}

void expand_bf16(const WeightMatrix& w, int64_t first, int64_t count, BFloat16* B, int64_t ld) {
  expand(w, first, count, B, ld);
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
  table.expand_f32 = expand_f32;
  table.expand_bf16 = expand_bf16;
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
