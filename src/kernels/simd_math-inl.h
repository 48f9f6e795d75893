// Vector functions shared by the SIMD files; included once per target.
#if defined(COBRA_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COBRA_SIMD_MATH_INL_H_
#undef COBRA_SIMD_MATH_INL_H_
#else
#define COBRA_SIMD_MATH_INL_H_
#endif

#include <hwy/highway.h>

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Added to a float32 below 2^22 it leaves no fraction: the sum's lowest bits are the nearest integer.
inline constexpr float kRoundingShift = 0x1.8p23f;
inline constexpr float kLog2E = 1.44269504f, kLog2ERest = 1.92596303e-8f;  // together log2(e)

/// 2^(n + f) for shifted = n + kRoundingShift, n from -126 to 127, and f in [-1/2, 1/2]: 2^f by a polynomial
/// of degree 5 (relative error 1.3e-7 with its rounding; coefficients: minimax fit, constant term 1), 2^n by
/// adding to the exponent.
template <class D, class V>
HWY_INLINE V exp2_parts(D d, V shifted, V f) {
  const hn::RebindToSigned<D> di;
  V p = hn::Set(d, 0.00132647274f);
  p = hn::MulAdd(p, f, hn::Set(d, 0.00967151292f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.0555073375f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.240222421f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.693146978f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
}

/// 2^(a b). Without kDeep a b must lie in [kExp2Depth, 127]; with it lower products give 0 and others the
/// same bits.
inline constexpr float kExp2Depth = -126.0f;
template <bool kDeep, class D, class V>
HWY_INLINE V exp2_product(D d, V a, V b) {
  const V shift = hn::Set(d, kRoundingShift);
  const V shifted = hn::MulAdd(a, b, shift);
  const V power = exp2_parts(d, shifted, hn::MulSub(a, b, hn::Sub(shifted, shift)));
  if constexpr (!kDeep) return power;
  return hn::IfThenElseZero(hn::Ge(shifted, hn::Set(d, kRoundingShift + kExp2Depth)), power);
}

/// exp(x) for x in [-87, 88], to 2e-7 where multiply-adds round once; beyond them the value at the nearer
/// end.
template <class D, class V>
HWY_INLINE V fast_exp(D d, V x) {
  const V shift = hn::Set(d, kRoundingShift), log2e = hn::Set(d, kLog2E);
  x = hn::Min(hn::Max(x, hn::Set(d, -87.0f)), hn::Set(d, 88.0f));
  const V shifted = hn::MulAdd(x, log2e, shift);
  const V f = hn::MulSub(x, log2e, hn::Sub(shifted, shift));
  return exp2_parts(d, shifted, hn::MulAdd(x, hn::Set(d, kLog2ERest), f));
}

/// log(1 + t) for t in [0, 1], to 2e-7 of itself; coefficients: minimax fit of log(1 + t) / t, constant
/// term 1.
template <class D, class V>
HWY_INLINE V log_one_plus(D d, V t) {
  V p = hn::Set(d, -0.0032440233f);
  p = hn::MulAdd(p, t, hn::Set(d, 0.0198514536f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.0569595173f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.106036536f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.153055921f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.196759388f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.249541342f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.333299637f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.499999017f));
  p = hn::MulAdd(p, t, hn::Set(d, 1.0f));
  return hn::Mul(p, t);
}

/// 1 + exp(-x)
template <class D, class V>
HWY_INLINE V one_plus_exp_of_minus(D d, V x) {
  return hn::Add(hn::Set(d, 1.0f), fast_exp(d, hn::Neg(x)));
}

/// 1 / (1 + exp(-x))
template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  return hn::Div(hn::Set(d, 1.0f), one_plus_exp_of_minus(d, x));
}

/// x * sigmoid(x)
template <class D, class V>
HWY_INLINE V silu(D d, V x) {
  return hn::Div(x, one_plus_exp_of_minus(d, x));
}

/// log(1 + exp(x)), which is x itself above 20, as torch's softplus. Max in this order lets NaN through on
/// x86.
template <class D, class V>
HWY_INLINE V softplus(D d, V x) {
  return hn::Add(hn::Max(hn::Zero(d), x), log_one_plus(d, fast_exp(d, hn::Neg(hn::Abs(x)))));
}

/// erf to 2e-7: x (1 + P(x^2)) up to 1, above it 1 - exp(Q(x)) with Q a fit of log(erfc). Coefficients:
/// minimax fits.
template <class D, class V>
HWY_INLINE V erf(D d, V x) {
  const V t = hn::Min(hn::Abs(x), hn::Set(d, 3.95f));  // erf(3.95) rounds to 1
  const V s = hn::Mul(t, t);
  V small = hn::Set(d, 7.85386116e-05f);
  small = hn::MulAdd(small, s, hn::Set(d, -0.000801019559f));
  small = hn::MulAdd(small, s, hn::Set(d, 0.00518832819f));
  small = hn::MulAdd(small, s, hn::Set(d, -0.0268538124f));
  small = hn::MulAdd(small, s, hn::Set(d, 0.112835852f));
  small = hn::MulAdd(small, s, hn::Set(d, -0.376126258f));
  small = hn::MulAdd(small, s, hn::Set(d, 0.128379166f));
  small = hn::MulAdd(small, t, t);
  V log_erfc = hn::Set(d, 0.000187972937f);
  log_erfc = hn::MulAdd(log_erfc, t, hn::Set(d, -0.00296401882f));
  log_erfc = hn::MulAdd(log_erfc, t, hn::Set(d, 0.0219065291f));
  log_erfc = hn::MulAdd(log_erfc, t, hn::Set(d, -0.103256317f));
  log_erfc = hn::MulAdd(log_erfc, t, hn::Set(d, -0.637964862f));
  log_erfc = hn::MulAdd(log_erfc, t, hn::Set(d, -1.12720236f));
  log_erfc = hn::MulAdd(log_erfc, t, hn::Set(d, -0.000312448172f));
  const V large = hn::Sub(hn::Set(d, 1.0f), fast_exp(d, log_erfc));
  return hn::CopySign(hn::IfThenElse(hn::Le(t, hn::Set(d, 1.0f)), small, large), x);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#endif
