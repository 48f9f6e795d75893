// Norms, softmax, activations and conversions in SIMD: everything that runs along one row.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_elementwise.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/simd_bfloat16-inl.h"
#include "kernels/simd_math-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

using F = hn::ScalableTag<float>;

/// Calls full(i) for each whole vector and tail(i, count) once for the rest. A tail is handled in a padded
/// local copy, so a row gives the same values wherever it stands in memory.
template <class Body>
HWY_INLINE void transform(const float* in, int64_t n, float* out, float padding, const Body& body) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(body(i, hn::LoadU(d, in + i)), d, out + i);
  if (i < n) {
    HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)];
    std::fill(rest, rest + lanes, padding);
    std::memcpy(rest, in + i, static_cast<size_t>(n - i) * sizeof(float));
    hn::Store(body(i, hn::Load(d, rest)), d, rest);
    std::memcpy(out + i, rest, static_cast<size_t>(n - i) * sizeof(float));
  }
}

/// A vector of row[i ..], zero past n.
HWY_INLINE hn::Vec<F> load_part(const float* row, int64_t i, int64_t n) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (i + lanes <= n) return hn::LoadU(d, row + i);
  HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
  std::memcpy(rest, row + i, static_cast<size_t>(n - i) * sizeof(float));
  return hn::Load(d, rest);
}

/// Sum over i of term(vector at i), with zeros past the end; four accumulators for speed and accuracy.
template <class Term>
HWY_INLINE float reduce_sum(const float* x, int64_t n, const Term& term) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<F> sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    for (int64_t j = 0; j < 4; ++j)
      sums[j] = hn::Add(sums[j], term(hn::LoadU(d, x + i + j * lanes), i + j * lanes));
  }
  for (; i < n; i += lanes) sums[0] = hn::Add(sums[0], term(load_part(x, i, n), i));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

void rms_norm(const float* x, const float* weight, float eps, int64_t n, float* out) {
  const F d;
  const float squares = reduce_sum(x, n, [](auto v, int64_t) { return hn::Mul(v, v); });
  const auto scale = hn::Set(d, 1.0f / std::sqrt(squares / static_cast<float>(n) + eps));
  transform(x, n, out, 0.0f,
            [&](int64_t i, auto v) { return hn::Mul(hn::Mul(v, scale), load_part(weight, i, n)); });
}

void layer_norm(const float* x, const float* weight, const float* bias, float eps, int64_t n, float* out) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto mean = hn::Set(d, reduce_sum(x, n, [](auto v, int64_t) { return v; }) / static_cast<float>(n));
  const float squares = reduce_sum(x, n, [&](auto v, int64_t i) {
    const auto centred = hn::Sub(v, mean);
    const auto square = hn::Mul(centred, centred);
    return i + lanes <= n ? square : hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(n - i)), square);
  });
  const auto scale = hn::Set(d, 1.0f / std::sqrt(squares / static_cast<float>(n) + eps));
  transform(x, n, out, 0.0f, [&](int64_t i, auto v) {
    return hn::MulAdd(hn::Mul(hn::Sub(v, mean), scale), load_part(weight, i, n), load_part(bias, i, n));
  });
}

/// The largest of x[i] * scale.
HWY_INLINE float largest_product(const float* x, float scale, int64_t n) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto vscale = hn::Set(d, scale);
  hn::Vec<F> largest[4];
  for (auto& part : largest) part = hn::Set(d, x[0] * scale);
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    for (int64_t j = 0; j < 4; ++j)
      largest[j] = hn::Max(largest[j], hn::Mul(vscale, hn::LoadU(d, x + i + j * lanes)));
  }
  float rest = x[0] * scale;
  for (; i < n; ++i) rest = std::max(rest, x[i] * scale);
  const auto both = hn::Max(hn::Max(largest[0], largest[1]), hn::Max(largest[2], largest[3]));
  return std::max(rest, hn::GetLane(hn::MaxOfLanes(d, both)));
}

void softmax(float* x, float scale, int64_t n) {
  const F d;
  const auto vscale = hn::Set(d, scale), vlargest = hn::Set(d, largest_product(x, scale, n));
  transform(x, n, x, x[0],
            [&](int64_t, auto v) { return fast_exp(d, hn::Sub(hn::Mul(v, vscale), vlargest)); });
  const auto inverse = hn::Set(d, 1.0f / reduce_sum(x, n, [](auto v, int64_t) { return v; }));
  transform(x, n, x, 0.0f, [&](int64_t, auto v) { return hn::Mul(v, inverse); });
}

void to_bfloat16_row(const float* x, int64_t n, BFloat16* out) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store_rounded_or_nan(d, hn::LoadU(d, x + i), out + i);
  for (; i < n; ++i) out[i] = to_bfloat16(x[i]);
}

void to_bfloat16_chunk(const ChunkSource& x, BFloat16* out) {
  constexpr int64_t kHalf = kChunkCols / 2;
  const hn::CappedTag<float, kHalf> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto left_cols = static_cast<size_t>(std::min(x.cols, kHalf)),
             right_cols = static_cast<size_t>(x.cols) - left_cols;
  HWY_ALIGN float padded[kChunkCols] = {};  // a row that ends within the chunk
  const float *left = x.left, *right = x.right;
  for (int64_t r = 0; r < x.rows; ++r, left += x.stride, right += x.stride, out += kChunkCols) {
    const float* halves[] = {left, right};
    if (x.cols < kChunkCols) {
      std::memcpy(padded, left, left_cols * sizeof(float));
      std::memcpy(padded + kHalf, right, right_cols * sizeof(float));
      halves[0] = padded, halves[1] = padded + kHalf;
    }
    for (int64_t i = 0; i < kHalf; i += lanes) {
      store_rounded_or_nan(d, hn::LoadU(d, halves[0] + i), out + i);
      store_rounded_or_nan(d, hn::LoadU(d, halves[1] + i), out + kHalf + i);
    }
  }
}

float softmax_numerators(const float* x, float scale, int64_t n, BFloat16* out, int64_t stride) {
  const hn::CappedTag<float, kChunkCols> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto vscale = hn::Set(d, scale), vlargest = hn::Set(d, largest_product(x, scale, n));
  auto sum = hn::Zero(d);
  const auto numerators = [&](auto v, BFloat16* to) {
    const auto e = fast_exp(d, hn::Sub(hn::Mul(v, vscale), vlargest));
    store_upper(d, rounded_bits(d, e), to);  // a NaN may become something else: the sum tells
    return e;
  };
  int64_t i = 0;
  for (; i + kChunkCols <= n; i += kChunkCols, out += stride) {
    for (int64_t j = 0; j < kChunkCols; j += lanes)
      sum = hn::Add(sum, numerators(hn::LoadU(d, x + i + j), out + j));
  }
  float rest = 0;
  if (i < n) {
    HWY_ALIGN float last[kChunkCols];
    std::fill(last, last + kChunkCols, x[i]);
    std::memcpy(last, x + i, static_cast<size_t>(n - i) * sizeof(float));
    for (int64_t j = 0; j < kChunkCols; j += lanes)
      hn::Store(numerators(hn::Load(d, last + j), out + j), d, last + j);
    std::fill(out + (n - i), out + kChunkCols, BFloat16{});
    for (int64_t j = 0; j < n - i; ++j) rest += last[j];
  }
  return hn::GetLane(hn::SumOfLanes(d, sum)) + rest;
}

template <Activation kActivation, class D, class V>
HWY_INLINE V activate(D d, V x) {
  if constexpr (kActivation == Activation::gelu) {
    return hn::Mul(hn::Mul(x, hn::Set(d, 0.5f)),
                   hn::Add(hn::Set(d, 1.0f), erf(d, hn::Mul(x, hn::Set(d, 0.70710678f)))));
  } else if constexpr (kActivation == Activation::quick_gelu) {
    return hn::Div(x, one_plus_exp_of_minus(d, hn::Mul(x, hn::Set(d, 1.702f))));
  } else {
    return x;
  }
}

/// What becomes of a finished value.
enum class Finished { stored, added, rounded };

/// Rows [begin, end) of the columns from c on that fill a vector. Where there is no bias, -0 is added, which
/// changes no value; where there is no scale, values are multiplied by 1.
template <Activation kActivation, Finished kFinished>
HWY_INLINE void finish_columns(const Finish& part, int64_t begin, int64_t end, int64_t c) {
  const hn::CappedTag<float, kTileRows> d;
  const auto bias = part.bias ? hn::LoadU(d, part.bias + c) : hn::Set(d, -0.0f);
  const auto scale = part.scale ? hn::LoadU(d, part.scale + c) : hn::Set(d, 1.0f);
  for (int64_t r = begin; r < end; ++r) {
    const int64_t at = r * part.stride + c;
    const auto sum = hn::Add(hn::LoadU(d, part.product + r * part.ld + c), bias);
    const auto value = hn::Mul(activate<kActivation>(d, sum), scale);
    if constexpr (kFinished == Finished::rounded) {
      store_rounded_or_nan(d, value, part.rounded + at);
    } else {
      float* out = part.out + at;
      hn::StoreU(kFinished == Finished::added ? hn::Add(value, hn::LoadU(d, out)) : value, d, out);
    }
  }
}

/// The columns from `first` on.
Finish columns_from(Finish part, int64_t first) {
  part.product += first, part.cols -= first;
  for (const float** values : {&part.bias, &part.scale}) *values = *values ? *values + first : nullptr;
  part.rounded ? void(part.rounded += first) : void(part.out += first);
  return part;
}

/// A few rows at a time, so that those of a wide part stay in the cache between its vectors.
template <Activation kActivation, Finished kFinished>
void finish_rows(const Finish& part) {
  constexpr int64_t kRowsTogether = 16;
  const auto lanes = static_cast<int64_t>(hn::Lanes(hn::CappedTag<float, kTileRows>()));
  const int64_t whole = part.cols / lanes * lanes;
  for (int64_t r = 0; r < part.rows; r += kRowsTogether) {
    const int64_t end = std::min(r + kRowsTogether, part.rows);
    for (int64_t c = 0; c < whole; c += lanes) finish_columns<kActivation, kFinished>(part, r, end, c);
  }
  if (whole < part.cols) reference_kernels().finish_product(columns_from(part, whole));
}

template <Activation kActivation>
void finish_activated(const Finish& part) {
  if (part.rounded) return finish_rows<kActivation, Finished::rounded>(part);
  part.add ? finish_rows<kActivation, Finished::added>(part)
           : finish_rows<kActivation, Finished::stored>(part);
}

void finish_product(const Finish& part) {
  switch (part.activation) {
    case Activation::none:
      return finish_activated<Activation::none>(part);
    case Activation::gelu:
      return finish_activated<Activation::gelu>(part);
    case Activation::quick_gelu:
      return finish_activated<Activation::quick_gelu>(part);
  }
}

}  // namespace

static void add_to(KernelTable& table) {
  table.rms_norm = rms_norm;
  table.layer_norm = layer_norm;
  table.softmax = softmax;
  table.softmax_numerators = softmax_numerators;
  table.to_bfloat16 = to_bfloat16_row;
  table.to_bfloat16_chunk = to_bfloat16_chunk;
  table.finish_product = finish_product;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
COBRA_DEFINE_ADD_KERNELS(add_elementwise_kernels)
#endif
