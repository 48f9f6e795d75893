// float32 to bfloat16 in vectors; included once per target.
#if defined(COBRA_SIMD_BFLOAT16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COBRA_SIMD_BFLOAT16_INL_H_
#undef COBRA_SIMD_BFLOAT16_INL_H_
#else
#define COBRA_SIMD_BFLOAT16_INL_H_
#endif

#include <hwy/highway.h>

#include "base/half.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Bits of the float32 values whose upper 16 are v rounded to nearest even; v is not NaN.
template <class D, class V>
HWY_INLINE auto rounded_bits(D, V v) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::BitCast(du, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
  return hn::Add(bits, hn::Add(hn::Set(du, 0x7fffu), odd));
}

/// The upper 16 of each 32 bits.
template <class D, class Bits>
HWY_INLINE void store_upper(D, Bits bits, BFloat16* out) {
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint16_t, D> d16;
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di, hn::ShiftRight<16>(bits))), d16, &out->bits);
}

/// v rounded to nearest even; NaN stays NaN.
template <class D, class V>
HWY_INLINE void store_rounded_or_nan(D d, V v, BFloat16* out) {
  const hn::RebindToUnsigned<D> du;
  const auto quiet = hn::Or(hn::BitCast(du, v), hn::Set(du, 0x400000u));
  store_upper(d, hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(v)), quiet, rounded_bits(d, v)), out);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#endif
