// Vector functions shared by the SIMD files; included once per target.
#if defined(COBRA_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COBRA_SIMD_MATH_INL_H_
#undef COBRA_SIMD_MATH_INL_H_
#else
#define COBRA_SIMD_MATH_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The largest magnitude of n values, a multiple of 16; NaN where one of them is. Bits of magnitudes are
/// compared, among which NaN's are the largest.
HWY_INLINE float largest_magnitude(const float* x, int64_t n) {
  const hn::CappedTag<float, 16> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto largest = hn::Zero(di);
  for (int64_t i = 0; i < n; i += lanes)
    largest = hn::Max(largest, hn::BitCast(di, hn::Abs(hn::LoadU(d, x + i))));
  return hn::GetLane(hn::BitCast(d, hn::MaxOfLanes(di, largest)));
}

/// The polynomial with these coefficients, that of the highest power first.
template <class D, class V, int kTerms>
HWY_INLINE V polynomial(D d, V x, const float (&coefficients)[kTerms]) {
  V p = hn::Set(d, coefficients[0]);
#pragma GCC unroll 16
  for (int i = 1; i < kTerms; ++i) p = hn::MulAdd(p, x, hn::Set(d, coefficients[i]));
  return p;
}

/// Added to a float32 below 2^22 it leaves no fraction: the sum's lowest bits are the nearest integer.
inline constexpr float kRoundingShift = 0x1.8p23f;
inline constexpr float kLog2E = 1.44269504f, kLog2ERest = 1.92596303e-8f;  // together log2(e)

/// n + f, f in [-1/2, 1/2]: an exponent of two.
template <class V>
struct Exponent {
  V shifted;  // n + kRoundingShift
  V f;
};

/// a b, where multiply-adds round once to the last bit.
template <class D, class V>
HWY_INLINE Exponent<V> exponent_of_product(D d, V a, V b) {
  const V shift = hn::Set(d, kRoundingShift), shifted = hn::MulAdd(a, b, shift);
  return {shifted, hn::MulSub(a, b, hn::Sub(shifted, shift))};
}

/// 2^(n + f) for n from -126 to 127: 2^f by a polynomial of degree 5 (relative error 1.3e-7 with its
/// rounding; coefficients: minimax fit, constant term 1), 2^n by adding to the exponent's bits.
template <class D, class V>
HWY_INLINE V exp2_of(D d, Exponent<V> e) {
  const hn::RebindToSigned<D> di;
  const V p =
      polynomial(d, e.f, {0.00132647274f, 0.00967151292f, 0.0555073375f, 0.240222421f, 0.693146978f, 1.0f});
  const auto bits = hn::ShiftLeft<23>(hn::BitCast(di, e.shifted));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), bits));
}

/// 2^(a b). Without kDeep a b must lie in [kExp2Depth, 127]; with it lower products give something below
/// 2^-126, from -126.5 on 0, and others the same bits.
inline constexpr float kExp2Depth = -126.0f;
template <bool kDeep, class D, class V>
HWY_INLINE V exp2_product(D d, V a, V b) {
  const Exponent<V> e = exponent_of_product(d, a, b);
  const V power = exp2_of(d, e);
  if constexpr (!kDeep) return power;
  return hn::IfThenElseZero(hn::Ge(e.shifted, hn::Set(d, kRoundingShift + kExp2Depth)), power);
}

/// exp(x) for x in [-80, 88], to 2e-7 where multiply-adds round once; beyond them the value at the nearer
/// end, so that no sum or quotient of some of them is subnormal. NaN stays NaN.
template <class D, class V>
HWY_INLINE V fast_exp(D d, V x) {
  const V near = hn::Min(hn::Max(x, hn::Set(d, -80.0f)), hn::Set(d, 88.0f));
  Exponent<V> e = exponent_of_product(d, near, hn::Set(d, kLog2E));
  e.f = hn::MulAdd(near, hn::Set(d, kLog2ERest), e.f);
  return hn::IfThenElse(hn::IsNaN(x), x, exp2_of(d, e));  // which Max and Min hide, on some machines
}

/// log(1 + t) for t in [0, 1], to 2e-7 of itself; coefficients: minimax fit of log(1 + t) / t, constant
/// term 1.
template <class D, class V>
HWY_INLINE V log_one_plus(D d, V t) {
  const V p = polynomial(d, t,
                         {-0.0032440233f, 0.0198514536f, -0.0569595173f, 0.106036536f, -0.153055921f,
                          0.196759388f, -0.249541342f, 0.333299637f, -0.499999017f, 1.0f});
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

/// x * sigmoid(x), which below -88 is x * 6e-39 instead of yet less.
template <class D, class V>
HWY_INLINE V silu(D d, V x) {
  return hn::Div(x, one_plus_exp_of_minus(d, x));
}

/// log(1 + exp(x)), which is x itself above 20, as torch's softplus. NaN stays NaN.
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
  const V fraction = polynomial(d, s,
                                {7.85386116e-05f, -0.000801019559f, 0.00518832819f, -0.0268538124f,
                                 0.112835852f, -0.376126258f, 0.128379166f});
  const V small = hn::MulAdd(fraction, t, t);
  const V log_erfc = polynomial(d, t,
                                {0.000187972937f, -0.00296401882f, 0.0219065291f, -0.103256317f,
                                 -0.637964862f, -1.12720236f, -0.000312448172f});
  const V large = hn::Sub(hn::Set(d, 1.0f), fast_exp(d, log_erfc));
  return hn::CopySign(hn::IfThenElse(hn::Le(t, hn::Set(d, 1.0f)), small, large), x);
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#endif
