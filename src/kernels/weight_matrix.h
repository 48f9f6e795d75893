// Weight matrices as the products read them.
//
// Plain types (f32, f16, bf16) stay as they lie in the file: row-major [rows, cols], no copy. Quantised types
// are packed once at load into tiles of 16 rows, so that decode reads them in one stream with rows in vector
// lanes and prefill expands them panel by panel. A packed tile takes the bytes the file takes (q5_k and q6_k:
// 8 bits a value).
//
// A tile holds its blocks of 32 columns one after the other; 4 consecutive columns of 16 rows are 64 adjacent
// bytes:
//   q8_0  {f16 scale[16]; i8 q[8][16][4]}                                  w = scale * q
//   q4_0  {f16 scale[16]; u8 q[4][16][4]}   low nibbles columns 0..15, high 16..31;  w = scale * (q - 8)
//   q4_k  {f16 d[16], dmin[16]; 8 x {u8 sc[16], m[16]; u8 q[4][16][4]}}    w = d * sc * q - dmin * m
//   q5_k  {f16 d[16], dmin[16]; 8 x {u8 sc[16], m[16]; u8 q[8][16][4]}}    as q4_k
//   q6_k  {f16 d[16]; 8 x {i8 sc[2][16]; i8 q[8][16][4]}}                  w = d * sc[column / 16] * q
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "base/dtype.h"
#include "kernels/rounding.h"

namespace cobra {

inline constexpr int kTileRows = 16;
inline constexpr int kBlockCols = 32;

/// A view of a weight matrix [rows, cols] in the layout described above. The owner is a PackedMatrix or a
/// model file.
struct WeightMatrix {
  DType type = DType::f32;
  int64_t rows = 0;
  int64_t cols = 0;
  const std::byte* data = nullptr;

  int64_t tiles() const { return divide_up(rows, kTileRows); }
  /// Bytes of tile t's rows in either layout; plain types have no padding rows.
  int64_t tile_bytes() const;
  const std::byte* tile(int64_t t) const { return data + t * tile_bytes(); }
  /// Bytes that one product with a vector reads.
  int64_t bytes() const;
};

/// Owner of a packed quantised matrix.
struct PackedMatrix {
  WeightMatrix view;
  AlignedBuffer<std::byte> storage;
  int64_t damaged_tile = -1;  // the first tile that has a scale which is not finite; -1: none has
};

/// Packs a quantised row-major matrix (ggml blocks). Uses `threads` threads. rows need not be a multiple of
/// 16: the last tile is filled up with zeros. Scales that are not finite are told, for the rounding of
/// activations can swallow what they make.
PackedMatrix pack_matrix(DType type, int64_t rows, int64_t cols, const std::byte* blocks, int threads);

/// One row as float32, from either layout. `out` has w.cols values.
void copy_row(const WeightMatrix& w, int64_t row, float* out);

}  // namespace cobra
