// Loading the scales and quants of a packed tile (weight_matrix.h) into vectors with rows in lanes, and what
// decode fetches of a tile ahead; included once per target. A Format names one packed type; `Block` is one
// block of 32 columns.
#if defined(COBRA_SIMD_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COBRA_SIMD_TILE_INL_H_
#undef COBRA_SIMD_TILE_INL_H_
#else
#define COBRA_SIMD_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/kernel_table.h"
#include "kernels/packed_tile.h"
#include "kernels/rounding.h"

// Instructions that Highway 1.0's AVX3_DL target has or that its machines may have, without telling the
// compiler: a file that uses them begins its namespace with COBRA_BEFORE_NAMESPACE(",feature").
#undef COBRA_BEFORE_NAMESPACE
#if HWY_TARGET == HWY_AVX3_DL
#define COBRA_BEFORE_NAMESPACE(feature) HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR feature)
#else
#define COBRA_BEFORE_NAMESPACE(feature) HWY_BEFORE_NAMESPACE()
#endif

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using RowsF = hn::CappedTag<float, kTileRows>;
using RowsI = hn::RebindToSigned<RowsF>;
using VF = hn::Vec<RowsF>;

/// Whether decode always multiplies bytes (AVX-512 VNNI): its activations then have no copy in 16 bits.
constexpr bool kAlwaysInBytes = HWY_TARGET == HWY_AVX3_DL;

/// f16 of the rows [first, first + lanes).
HWY_INLINE VF load_halves(const std::byte* column, int64_t first) {
  const RowsF d;
  const hn::Rebind<hwy::float16_t, RowsF> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(column) + first));
}

/// Bytes of the same rows as float; T is uint8_t or int8_t.
template <typename T>
HWY_INLINE VF load_bytes(const std::byte* column, int64_t first) {
  const RowsF d;
  const RowsI di;
  const hn::Rebind<T, RowsF> d8;
  return hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, reinterpret_cast<const T*>(column) + first)));
}

/// What a packed type is made of. kHalves: scales per 32 columns (q6_k has one per 16).
template <DType kType>
struct Format {
  static constexpr DType type = kType;
  static constexpr bool kNibbles = kType == DType::q4_0 || kType == DType::q4_k;
  static constexpr bool kHasMinimum = kType == DType::q4_k || kType == DType::q5_k;
  static constexpr int kHalves = kType == DType::q6_k ? 2 : 1;
  static constexpr int kOffset = kType == DType::q4_0 ? 8 : 0;  // subtracted from the stored nibble
  static constexpr bool kUnsigned = kHasMinimum;

  static HWY_INLINE VF scale(const TileBlock& block, int half, int64_t first) {
    if constexpr (kType == DType::q8_0 || kType == DType::q4_0) return load_halves(block.d, first);
    const VF d = load_halves(block.d, first);
    if constexpr (kType == DType::q6_k)
      return hn::Mul(d, load_bytes<int8_t>(block.sub + half * kTileRows, first));
    return hn::Mul(d, load_bytes<uint8_t>(block.sub, first));
  }
  static HWY_INLINE VF minimum(const TileBlock& block, int64_t first) {
    return hn::Mul(load_halves(block.dmin, first), load_bytes<uint8_t>(block.sub + kTileRows, first));
  }
};

/// Four columns of a vector of rows as bytes. With kMakeUnsigned 128 is added to quants that are signed.
template <class Fmt, bool kMakeUnsigned>
HWY_INLINE hn::Vec<RowsI> load_four(const TileBlock& block, int group, int64_t first) {
  const RowsI d;
  const std::byte* at = block.q + (Fmt::kNibbles ? group % 4 : group) * 4 * kTileRows + 4 * first;
  const auto bytes = hn::LoadU(d, reinterpret_cast<const int32_t*>(at));
  if constexpr (Fmt::kNibbles) {
    return hn::And(group < 4 ? bytes : hn::ShiftRight<4>(bytes), hn::Set(d, 0x0f0f0f0f));
  }
  if constexpr (Fmt::kUnsigned || !kMakeUnsigned) return bytes;
  return hn::Xor(bytes, hn::Set(d, static_cast<int32_t>(0x80808080u)));
}

/// What load_four adds to the quants (128), or the file did (8): it is to be taken away again.
template <class Fmt, bool kMakeUnsigned>
constexpr int32_t added_by_load() {
  return Fmt::kNibbles ? Fmt::kOffset : Fmt::kUnsigned || !kMakeUnsigned ? 0 : 128;
}

/// 32 bits of activations, 4 of 8 bits or 2 of 16, in every lane.
HWY_INLINE hn::Vec<RowsI> broadcast_bits(const void* q) {
  int32_t bits = 0;
  std::memcpy(&bits, q, sizeof(bits));
  return hn::Set(RowsI(), bits);
}

/// Behind the parameters of a lambda: compiled into its caller, with the instructions that it may use.
#undef COBRA_INLINE
#define COBRA_INLINE __attribute__((always_inline))

/// Calls body(Format<type>()) for a packed type.
template <class Body>
HWY_INLINE void with_format(DType type, const Body& body) {
  switch (type) {
    case DType::q8_0:
      return body(Format<DType::q8_0>());
    case DType::q4_0:
      return body(Format<DType::q4_0>());
    case DType::q4_k:
      return body(Format<DType::q4_k>());
    case DType::q5_k:
      return body(Format<DType::q5_k>());
    case DType::q6_k:
      return body(Format<DType::q6_k>());
    default:
      return;
  }
}

/// Blocks of a tile that stay in the first-level cache (8.7 KB of q8_0) while groups of rows pass by.
constexpr int64_t kBlocksTogether = 16;

inline int64_t blocks_together(const QuantizedRows& x) {
  return x.rows > 2 ? kBlocksTogether : x.cols / kBlockCols;
}

/// Calls body(count, m) for all rows of activations, `count` of them (a constant, kMost at most) from m on.
template <int kMost, class Body>
HWY_INLINE void each_group(int64_t rows, const Body& body) {
  int64_t m = 0;
  const auto groups_of = [&](auto count) {
    for (; m + count <= rows; m += count) body(count, m);
  };
  groups_of(std::integral_constant<int, kMost>());
  if constexpr (kMost > 4) groups_of(std::integral_constant<int, 4>());
  if constexpr (kMost > 2) groups_of(std::integral_constant<int, 2>());
  groups_of(std::integral_constant<int, 1>());
}

/// The same, body(count, m, begin, end), with blocks [begin, end); `together` blocks meet all rows before the
/// next.
template <int kMost, class Activations, class Body>
HWY_INLINE void each_group(const Activations& x, int64_t together, const Body& body) {
  const int64_t blocks = x.cols / kBlockCols;
  for (int64_t begin = 0; begin < blocks; begin += together) {
    const int64_t end = std::min(begin + together, blocks);
    each_group<kMost>(x.rows, [&](auto count, int64_t m) { body(count, m, begin, end); });
  }
}

inline bool is_intel_with_avx512() {
#if HWY_TARGET == HWY_AVX3_DL
  static const bool intel = __builtin_cpu_is("intel") != 0;
  return intel;
#else
  return false;
#endif
}

/// Blocks that are fetched ahead of the one that is multiplied: 9 KB, less beside many rows' activations,
/// which want the first-level cache too. AMD's processors lose by 2 KB against none, and gain up to a fifth
/// by 9 KB; on Intel's with AVX-512 a row or two have gained by 2 KB, and 9 are not measured
/// (bench/NOTES.md).
template <class Fmt>
int64_t blocks_ahead(int64_t rows) {
  if (rows > 8) return kBlocksTogether;
  if (is_intel_with_avx512()) return rows > 2 ? kBlocksTogether : Fmt::kNibbles ? 8 : 4;
  return Fmt::kNibbles ? 32 : 16;
}

/// What a group of rows fetches of a later block while it meets one: its share of the lines, from the scales
/// on, so that memory is never idle. Where two blocks meet in a line, both fetch it.
template <class Fmt>
struct LinesAhead {
  static constexpr int64_t kBlock = bytes_per_block(Fmt::type);
  static constexpr int64_t kLines = divide_up(kBlock, kCacheLine);
  int64_t first, end;  // bytes from a block's quants on

  LinesAhead(int64_t rows, int64_t first_x, int64_t count) {
    const int64_t away = blocks_ahead<Fmt>(rows) * kBlock - kHalfColumn;
    first = away + kCacheLine * (kLines * first_x / rows);
    end = away + kCacheLine * (kLines * (first_x + count) / rows);
  }
  HWY_INLINE void fetch(const TileBlock& block) const {
    for (int64_t at = first; at < end; at += kCacheLine) __builtin_prefetch(block.q + at);
  }
};

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#endif
