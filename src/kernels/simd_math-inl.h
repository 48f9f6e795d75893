// Vector functions shared by the SIMD files; included once per target.
#if defined(COBRA_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COBRA_SIMD_MATH_INL_H_
#undef COBRA_SIMD_MATH_INL_H_
#else
#define COBRA_SIMD_MATH_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// 2^v for v <= 127: v = n + f with f in [-1/2, 1/2], 2^f by a polynomial of degree 5 (relative error 1.3e-7
/// with its rounding; coefficients: minimax fit, constant term 1), 2^n by adding to the exponent. Below -126
/// it gives about 0.
template <class D, class V>
HWY_INLINE V fast_exp2(D d, V v) {
  const hn::RebindToSigned<D> di;
  v = hn::Max(v, hn::Set(d, -126.0f));
  const V n = hn::Round(v);
  const V f = hn::Sub(v, n);
  V p = hn::Set(d, 0.00132647274f);
  p = hn::MulAdd(p, f, hn::Set(d, 0.00967151292f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.0555073375f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.240222421f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.693146978f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(di, n));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
}

inline constexpr float kLog2E = 1.44269504f;

/// 1 + exp(v), infinite from v = 89 on: hn::Exp is made for arguments up to 104 and gives 0 from 178 on.
template <class D, class V>
HWY_INLINE V one_plus_exp(D d, V v) {
  return hn::Add(hn::Set(d, 1.0f), hn::Exp(d, hn::Min(v, hn::Set(d, 100.0f))));
}

/// 1 / (1 + exp(-x))
template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  return hn::Div(hn::Set(d, 1.0f), one_plus_exp(d, hn::Neg(x)));
}

/// x * sigmoid(x)
template <class D, class V>
HWY_INLINE V silu(D d, V x) {
  return hn::Div(x, one_plus_exp(d, hn::Neg(x)));
}

/// log(1 + exp(x)), x itself above 20 as torch's softplus.
template <class D, class V>
HWY_INLINE V softplus(D d, V x) {
  const V limit = hn::Set(d, 20.0f);
  return hn::IfThenElse(hn::Gt(x, limit), x, hn::Log1p(d, hn::Exp(d, hn::Min(x, limit))));
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
  const V large = hn::Sub(hn::Set(d, 1.0f), hn::Exp(d, log_erfc));
  return hn::CopySign(hn::IfThenElse(hn::Le(t, hn::Set(d, 1.0f)), small, large), x);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#endif
