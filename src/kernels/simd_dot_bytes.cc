// Decode on machines that multiply four bytes at a time and add them up (AVX-512 VNNI, AVX-VNNI, NEON's dot
// product): the integers of simd_dot.cc, so the same sums.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_dot_bytes.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/simd_tile-inl.h"

// Highway 1.0 asks for machines with VNNI in its AVX3_DL target, but does not tell the compiler; AVX2 and
// NEON come without these instructions, and kernel_table.cc asks the machine.
#undef COBRA_DOT_BYTES
#if HWY_TARGET == HWY_AVX3_DL
#define COBRA_DOT_BYTES __attribute__((target(HWY_TARGET_STR ",avx512vnni")))
#elif HWY_TARGET == HWY_AVX2
#define COBRA_DOT_BYTES __attribute__((target(HWY_TARGET_STR ",avxvnni")))
#elif HWY_TARGET == HWY_NEON && defined(__ARM_FEATURE_DOTPROD)
#define COBRA_DOT_BYTES  // the compiler was told
#elif HWY_TARGET == HWY_NEON
#define COBRA_DOT_BYTES __attribute__((target("arch=armv8.2-a+crypto+dotprod")))
#endif

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
#ifdef COBRA_DOT_BYTES
namespace {

using VI = hn::Vec<RowsI>;

/// Weights must be unsigned on x86: 128 is added to those that are signed.
constexpr bool kSigned = HWY_TARGET == HWY_NEON;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(RowsI()));
constexpr int kPerTile = kTileRows / kLanes;  // vectors
constexpr int kMostRows = 8 / kPerTile;       // 8 vectors of sums, and 8 of integers, at a time
constexpr int kMostRowsOfTwoTiles = 6;        // with 32 registers: 12 and 12

/// sum[i] + w[4i] x[4i] + ... + w[4i+3] x[4i+3], w and x in bytes.
COBRA_DOT_BYTES HWY_INLINE VI dot_bytes(VI sum, VI w, VI x) {
#if HWY_TARGET == HWY_AVX3_DL
  return VI{_mm512_dpbusd_epi32(sum.raw, w.raw, x.raw)};
#elif HWY_TARGET == HWY_AVX2
  return VI{_mm256_dpbusd_avx_epi32(sum.raw, w.raw, x.raw)};
#else
  return VI{vdotq_s32(sum.raw, vreinterpretq_s8_s32(w.raw), vreinterpretq_s8_s32(x.raw))};
#endif
}

/// The integers that the products of a row begin with, so that what was added to the quants is taken away.
template <class Fmt>
HWY_INLINE VI initial_dot(const int32_t* shift, int half) {
  constexpr int32_t kAdded = added_by_load<Fmt, !kSigned>();
  if constexpr (kAdded == 0)
    return hn::Zero(RowsI());
  else
    return hn::Set(RowsI(), shift[Fmt::kHalves == 2 ? half : 2] / (128 / kAdded));
}

/// Adds the products of one block, or a half of it, with kRows rows of 32 columns at q.
template <class Fmt, int kRows, int kVectors>
COBRA_DOT_BYTES HWY_INLINE void add_dots(const TileBlock* block, int half, const int8_t* q, VI* dots) {
  constexpr int kGroups = kBlockCols / 4 / Fmt::kHalves;
#pragma GCC unroll 8  // or what is summed leaves the registers: twice the time of 16 rows
  for (int g = half * kGroups; g < (half + 1) * kGroups; ++g) {
    VI quads[kVectors];
    for (int v = 0; v < kVectors; ++v)
      quads[v] = load_four<Fmt, !kSigned>(block[v / kPerTile], g, v % kPerTile * kLanes);
    for (int m = 0; m < kRows; ++m) {
      const VI four = broadcast_bits(q + m * kBlockCols + 4 * g);
      for (int v = 0; v < kVectors; ++v) dots[v * kRows + m] = dot_bytes(dots[v * kRows + m], quads[v], four);
    }
  }
}

/// kTiles tiles of 16 weight rows with kRows rows of activations. Blocks [begin, end) are added to the sums
/// of those before, in out [tile][x.rows][16].
template <class Fmt, int kRows, int kTiles>
COBRA_DOT_BYTES void dot_rows(const std::byte* tile, int64_t tile_bytes, const QuantizedRows& x,
                              int64_t first_x, int64_t begin, int64_t end, float* out) {
  const RowsF d;
  constexpr int kVectors = kTiles * kPerTile;
  const auto to = [&](int v, int m) {
    return out + (v / kPerTile * x.rows + first_x + m) * kTileRows + v % kPerTile * kLanes;
  };
  const LinesAhead<Fmt> ahead(x.rows, first_x, kRows);
  VF sums[kVectors * kRows];
  for (int v = 0; v < kVectors; ++v) {
    for (int m = 0; m < kRows; ++m) sums[v * kRows + m] = begin == 0 ? hn::Zero(d) : hn::LoadU(d, to(v, m));
  }
  for (int64_t b = begin; b < end; ++b) {
    TileBlock block[kTiles];
    for (int i = 0; i < kTiles; ++i) {
      block[i] = tile_block(Fmt::type, tile + i * tile_bytes, b);
      ahead.fetch(block[i]);
    }
    const int64_t at = x.block(first_x, b);
    for (int half = 0; half < Fmt::kHalves; ++half) {
      VI dots[kVectors * kRows];
      for (int m = 0; m < kRows; ++m) {
        const VI initial = initial_dot<Fmt>(x.shift + (at + m) * 3, half);
        for (int v = 0; v < kVectors; ++v) dots[v * kRows + m] = initial;
      }
      add_dots<Fmt, kRows, kVectors>(block, half, x.q + at * kBlockCols, dots);
      for (int v = 0; v < kVectors; ++v) {
        const VF scale = Fmt::scale(block[v / kPerTile], half, v % kPerTile * kLanes);
        for (int m = 0; m < kRows; ++m) {
          VF& sum = sums[v * kRows + m];
          const VF both = hn::Mul(scale, hn::Set(d, x.scale[at + m]));
          sum = hn::MulAdd(hn::ConvertTo(d, dots[v * kRows + m]), both, sum);
        }
      }
    }
    if constexpr (Fmt::kHasMinimum) {
      for (int v = 0; v < kVectors; ++v) {
        const VF minimum = Fmt::minimum(block[v / kPerTile], v % kPerTile * kLanes);
        for (int m = 0; m < kRows; ++m) {
          VF& sum = sums[v * kRows + m];
          sum = hn::NegMulAdd(minimum, hn::Set(d, x.sum[at + m]), sum);
        }
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    for (int m = 0; m < kRows; ++m) hn::StoreU(sums[v * kRows + m], d, to(v, m));
  }
}

/// kTiles tiles with all rows, kMost at a time.
template <class Fmt, int kTiles, int kMost>
void dot_tiles(const std::byte* tile, int64_t tile_bytes, const QuantizedRows& x, int64_t together,
               float* out) {
  each_group<kMost>(x, together, [&](auto count, int64_t m, int64_t begin, int64_t end) {
    dot_rows<Fmt, count, kTiles>(tile, tile_bytes, x, m, begin, end, out);
  });
}

/// A row or two stream through the weights, which are in memory; more pass by in groups. With 32 registers of
/// 16 lanes more than 16 rows, which compute for longer than the weights take to come, meet two tiles at a
/// time, which share what is loaded of the activations.
void dot_packed(const WeightMatrix& w, int64_t first, int64_t count, const QuantizedRows& x, float* out) {
  const std::byte* tiles = w.tile(first);
  const int64_t tile_bytes = w.tile_bytes(), tile_sums = x.rows * kTileRows;
  const int64_t together = blocks_together(x);
  with_format(w.type, [&](auto format) {
    using Fmt = decltype(format);
    int64_t t = 0;
    if constexpr (kPerTile == 1) {
      for (; x.rows > 16 && t + 2 <= count; t += 2) {
        dot_tiles<Fmt, 2, kMostRowsOfTwoTiles>(tiles + t * tile_bytes, tile_bytes, x, together,
                                               out + t * tile_sums);
      }
    }
    for (; t < count; ++t) {
      dot_tiles<Fmt, 1, kMostRows>(tiles + t * tile_bytes, tile_bytes, x, together, out + t * tile_sums);
    }
  });
}

}  // namespace

static void add_to(KernelTable& table) { table.dot_packed = dot_packed; }
#else
static void add_to(KernelTable&) {}
#endif

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
COBRA_DEFINE_ADD_KERNELS(add_dot_bytes_kernels)
#endif
