// Loading the scales and quants of a packed tile (weight_matrix.h) into vectors with rows in lanes; included
// once per target. A Format names one packed type; `Block` is one block of 32 columns.
#if defined(COBRA_SIMD_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COBRA_SIMD_TILE_INL_H_
#undef COBRA_SIMD_TILE_INL_H_
#else
#define COBRA_SIMD_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/packed_tile.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using RowsF = hn::CappedTag<float, kTileRows>;
using RowsI = hn::RebindToSigned<RowsF>;
using RowsU = hn::RebindToUnsigned<RowsF>;
using VF = hn::Vec<RowsF>;

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

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#endif
