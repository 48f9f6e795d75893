// Products with quantised weights that multiply pairs of 16 bits: prompts in 16 bits, where the machine has
// no fast product in bfloat16, and decode's in 8 bits, where it multiplies no bytes (simd_dot_bytes.cc) - or
// pairs of them only, which do for quants of 4 and 5 bits. Integers are exact within a block, so every
// instruction set and every number of rows gives the same sums; the blocks' float32 sums follow the order of
// the columns.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_dot_pairs.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <type_traits>

#include "kernels/simd_math-inl.h"
#include "kernels/simd_tile-inl.h"

#if HWY_TARGET != HWY_SCALAR
COBRA_BEFORE_NAMESPACE(",avx512vnni");
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

using VI = hn::Vec<RowsI>;
using Bytes = hn::Repartition<uint8_t, RowsI>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(RowsI()));
constexpr int kPerTile = kTileRows / kLanes;  // vectors
constexpr bool kManyRegisters = kLanes == kTileRows;
constexpr int kVectors = std::min(kPerTile, 2);  // that meet all rows together

void quantize_row_16(const float* x, int64_t n, const Row16& out) {
  const RowsF d;
  const RowsI di;
  const hn::Rebind<int16_t, RowsF> d16;
  constexpr int64_t kHalf = kBlockCols / 2;
  for (int64_t first = 0; first < n; first += kScaleCols) {
    const int64_t cols = std::min(kScaleCols, n - first);
    const float largest = largest_magnitude(x + first, cols);
    const VF inverse = hn::Set(d, largest > 0.0f ? kLargest16 / largest : 0.0f);
    out.scale[first / kScaleCols * out.rows] = largest / kLargest16;
    for (int64_t c = first; c < first + cols; c += kBlockCols) {
      const int64_t to = c / kBlockCols * out.rows;
      int32_t* totals = out.sum + 3 * to;
      for (int64_t half = 0; half < 2; ++half) {
        VI total = hn::Zero(di);
        for (int64_t i = half * kHalf; i < (half + 1) * kHalf; i += kLanes) {
          const VI value = hn::NearestInt(hn::Mul(hn::LoadU(d, x + c + i), inverse));
          hn::StoreU(hn::DemoteTo(d16, value), d16, out.q + to * kBlockCols + i);
          total = hn::Add(total, value);
        }
        totals[half] = hn::GetLane(hn::SumOfLanes(di, total));
      }
      // Of NaN these are anything, but the scale is NaN then.
      totals[2] = static_cast<int32_t>(static_cast<uint32_t>(totals[0]) + static_cast<uint32_t>(totals[1]));
    }
  }
}

/// Holds the compiler to the order of a sum: GCC makes all products of a block first, and they leave the
/// registers (twice the time with AVX2).
HWY_INLINE void keep_order([[maybe_unused]] VI& sum) {
#if HWY_ARCH_X86
  asm("" : "+v"(sum.raw));
#elif HWY_ARCH_ARM
  asm("" : "+w"(sum.raw));
#endif
}

/// sum[i] += w[2i] x[2i] + w[2i+1] x[2i+1] in 16 bits; Highway 1.0 has no word for it that keeps the order of
/// lanes.
HWY_INLINE void dot_pairs(VI& sum, VI w, VI x) {
#if HWY_TARGET == HWY_AVX3_DL
  sum = VI{_mm512_dpwssd_epi32(sum.raw, w.raw, x.raw)};
#elif HWY_TARGET == HWY_AVX3
  sum = VI{_mm512_add_epi32(sum.raw, _mm512_madd_epi16(w.raw, x.raw))};
  keep_order(sum);
#elif HWY_TARGET == HWY_AVX2
  sum = VI{_mm256_add_epi32(sum.raw, _mm256_madd_epi16(w.raw, x.raw))};
  keep_order(sum);
#elif HWY_TARGET == HWY_SSE4
  sum = VI{_mm_add_epi32(sum.raw, _mm_madd_epi16(w.raw, x.raw))};
  keep_order(sum);
#elif HWY_TARGET == HWY_NEON
  const int16x8_t a = vreinterpretq_s16_s32(w.raw), b = vreinterpretq_s16_s32(x.raw);
  const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
  sum = VI{vaddq_s32(sum.raw, vpaddq_s32(low, vmull_high_s16(a, b)))};
  keep_order(sum);
#else
  const auto even = [](VI v) { return hn::ShiftRight<16>(hn::ShiftLeft<16>(v)); };
  const auto odd = [](VI v) { return hn::ShiftRight<16>(v); };
  sum = hn::Add(sum, hn::Add(hn::Mul(even(w), even(x)), hn::Mul(odd(w), odd(x))));
#endif
}

/// In 16 bits, which must have room: sum[i] += w[2i] x[2i] + w[2i+1] x[2i+1], w unsigned bytes, x signed
/// ones.
constexpr bool kMultipliesBytesInPairs = HWY_ARCH_X86;
HWY_INLINE void add_byte_products([[maybe_unused]] VI& sum, [[maybe_unused]] VI w, [[maybe_unused]] VI x) {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  sum = VI{_mm512_add_epi16(sum.raw, _mm512_maddubs_epi16(w.raw, x.raw))};
#elif HWY_TARGET == HWY_AVX2
  sum = VI{_mm256_add_epi16(sum.raw, _mm256_maddubs_epi16(w.raw, x.raw))};
#elif HWY_TARGET == HWY_SSE4
  sum = VI{_mm_add_epi16(sum.raw, _mm_maddubs_epi16(w.raw, x.raw))};
#endif
  keep_order(sum);
}

#include "kernels/simd_dot_pairs-inl.h"

/// A row or two stream through the weights, which are in memory; more pass by in groups.
void dot_packed(const WeightMatrix& w, int64_t first, int64_t count, const QuantizedRows& x, float* out) {
  multiply_tiles(w, first, count, In8Bits{x}, blocks_together(x), out);
}

}  // namespace

static void add_to(KernelTable& table) {
  table.quantize_row_16 = quantize_row_16;
  table.dot_packed_16 = dot_packed_16;
  if constexpr (!kAlwaysInBytes) table.dot_packed = dot_packed;  // or activations in 16 bits would be missing
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

// AVX-VNNI: AVX2 with one instruction for a product of pairs; kernel_table.cc asks the machine.
#if HWY_TARGET == HWY_AVX2
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avxvnni")
namespace cobra {
namespace HWY_NAMESPACE {
namespace vnni {

HWY_INLINE void dot_pairs(VI& sum, VI w, VI x) { sum = VI{_mm256_dpwssd_avx_epi32(sum.raw, w.raw, x.raw)}; }

#include "kernels/simd_dot_pairs-inl.h"

}  // namespace vnni
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
COBRA_DEFINE_ADD_KERNELS(add_dot_pairs_kernels)
void cobra::add_dot_pairs_vnni_kernels([[maybe_unused]] KernelTable& table) {
#if HWY_TARGETS & HWY_AVX2
  table.dot_packed_16 = N_AVX2::vnni::dot_packed_16;
#endif
}
#endif
