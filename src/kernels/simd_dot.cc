// Decode: activations in 8 bits, and products of a few rows of activations in float32 with weights that are
// not quantised. Products with those that are: simd_dot_pairs.cc, simd_dot_bytes.cc.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_dot.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <cstring>

#include "kernels/rounding.h"
#include "kernels/simd_math-inl.h"
#include "kernels/simd_tile-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

using VI = hn::Vec<RowsI>;

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
    const float largest = largest_magnitude(block, kBlockCols);
    const VF inverse = hn::Set(d, largest > 0.0f ? 127.0f / largest : 0.0f);
    int8_t* q = out.q + to * kBlockCols;
    for (int64_t i = 0; i < kBlockCols; i += lanes) {
      const VI value = hn::NearestInt(hn::Mul(hn::LoadU(d, block + i), inverse));
      if constexpr (!kAlwaysInBytes)
        hn::StoreU(hn::DemoteTo(d16, value), d16, out.wide + to * kBlockCols + i);
      hn::StoreU(hn::DemoteTo(d8, value), d8, q + i);
    }
    int32_t halves[2];
    sum_halves(q, halves);
    const int32_t total = halves[0] + halves[1];
    out.scale[to] = largest / 127.0f;
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

/// Rows of weights and of activations that meet at a time: as many as have their sums in registers.
constexpr int kWeightRowsTogether = HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 ? 4 : 8;
constexpr int kMostRows = 2;

/// `bytes` from `at` on are fetched a step while a vector of columns is multiplied.
struct Coming {
  const std::byte* at;
  int64_t bytes;
};

template <int kWeightRows, int kRows>
HWY_INLINE void add_products(const V* weights, const V* inputs, V* sums) {
  for (int m = 0; m < kRows; ++m) {
    for (int r = 0; r < kWeightRows; ++r) {
      V& sum = sums[m * kWeightRows + r];
      sum = hn::MulAdd(weights[r], inputs[m], sum);
    }
  }
}

/// kWeightRows rows of weights with kRows rows of activations.
template <typename T, int kWeightRows, int kRows>
HWY_INLINE void dot_plain_rows(const T* w, int64_t cols, const float* x, int64_t ldx, Coming coming,
                               float* out) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kRows * kWeightRows];
  for (V& sum : sums) sum = hn::Zero(d);
  const std::byte* due = coming.at;
  int64_t k = 0;
  for (; k + lanes <= cols; k += lanes) {
    for (due += coming.bytes; coming.at < due; coming.at += kCacheLine) __builtin_prefetch(coming.at);
    V weights[kWeightRows], inputs[kRows];
    for (int r = 0; r < kWeightRows; ++r) weights[r] = load_weights(w + r * cols + k);
    for (int m = 0; m < kRows; ++m) inputs[m] = hn::LoadU(d, x + m * ldx + k);
    add_products<kWeightRows, kRows>(weights, inputs, sums);
  }
  if (k < cols) {
    const auto left = static_cast<size_t>(cols - k);
    V weights[kWeightRows], inputs[kRows];
    HWY_ALIGN float input[HWY_MAX_BYTES / sizeof(float)] = {};
    HWY_ALIGN T rest[HWY_MAX_BYTES / sizeof(float)] = {};
    for (int r = 0; r < kWeightRows; ++r) {
      std::memcpy(static_cast<void*>(rest), w + r * cols + k, left * sizeof(T));
      weights[r] = load_weights(rest);
    }
    for (int m = 0; m < kRows; ++m) {
      std::memcpy(input, x + m * ldx + k, left * sizeof(float));
      inputs[m] = hn::Load(d, input);
    }
    add_products<kWeightRows, kRows>(weights, inputs, sums);
  }
  for (int m = 0; m < kRows; ++m) {
    for (int r = 0; r < kWeightRows; ++r)
      out[m * kTileRows + r] = hn::GetLane(hn::SumOfLanes(d, sums[m * kWeightRows + r]));
  }
}

/// kWeightRows rows of weights with all rows of activations, which fetch the weights behind those together.
template <typename T, int kWeightRows>
void dot_plain_all(const T* w, int64_t cols, const float* x, int64_t rows, int64_t ldx, float* out) {
  const auto* next = reinterpret_cast<const std::byte*>(w + kWeightRows * cols);
  const int64_t bytes = kWeightRows * cols * static_cast<int64_t>(sizeof(T));
  const int64_t steps = std::max<int64_t>(cols / static_cast<int64_t>(hn::Lanes(F())), 1);
  each_group<kMostRows>(rows, [&](auto count, int64_t m) {
    const Coming coming{next + bytes * m / rows, divide_up(bytes * count / rows, steps)};
    dot_plain_rows<T, kWeightRows, count>(w, cols, x + m * ldx, ldx, coming, out + m * kTileRows);
  });
}

template <typename T>
void dot_plain_tile(const WeightMatrix& w, int64_t t, const float* x, int64_t rows, int64_t ldx, float* out) {
  const T* weights = reinterpret_cast<const T*>(w.tile(t));
  const int64_t count = std::min<int64_t>(kTileRows, w.rows - t * kTileRows);
  constexpr int kTogether = kWeightRowsTogether;
  int64_t r = 0;
  for (; r + kTogether <= count; r += kTogether)
    dot_plain_all<T, kTogether>(weights + r * w.cols, w.cols, x, rows, ldx, out + r);
  for (; r < count; ++r) dot_plain_all<T, 1>(weights + r * w.cols, w.cols, x, rows, ldx, out + r);
}

void dot_plain(const WeightMatrix& w, int64_t t, const float* x, int64_t rows, int64_t ldx, float* out) {
  if (w.type == DType::f32) return dot_plain_tile<float>(w, t, x, rows, ldx, out);
  if (w.type == DType::bf16) return dot_plain_tile<hwy::bfloat16_t>(w, t, x, rows, ldx, out);
  dot_plain_tile<hwy::float16_t>(w, t, x, rows, ldx, out);
}

}  // namespace

static void add_to(KernelTable& table) {
  table.quantize_row = quantize_row;
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
