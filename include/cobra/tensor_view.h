// A view of a row-major matrix: no ownership, no allocation, cheap to copy.
#pragma once

#include <cstdint>
#include <type_traits>

namespace cobra {

/// `rows` x `cols` values of T; row r starts at `data + r * stride` and is contiguous. A vector is a matrix
/// of one row. The viewed memory must outlive the view. Shapes in comments are written [rows, cols].
template <typename T>
struct TensorView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;  // in elements, >= cols

  TensorView() = default;
  TensorView(T* data_, int64_t rows_, int64_t cols_) : TensorView(data_, rows_, cols_, cols_) {}
  TensorView(T* data_, int64_t rows_, int64_t cols_, int64_t stride_)
      : data(data_), rows(rows_), cols(cols_), stride(stride_) {}
  /// A view of mutable values is usable where one of constant values is wanted.
  template <typename U, typename = std::enable_if_t<std::is_same_v<const U, T> && !std::is_same_v<U, T>>>
  TensorView(const TensorView<U>& other)  // NOLINT(google-explicit-constructor)
      : TensorView(other.data, other.rows, other.cols, other.stride) {}

  T* row(int64_t r) const { return data + r * stride; }
  T& operator()(int64_t r, int64_t c) const { return data[r * stride + c]; }
  /// Rows [first, first + count).
  TensorView slice_rows(int64_t first, int64_t count) const { return {row(first), count, cols, stride}; }
  /// Columns [first, first + count) of every row.
  TensorView slice_cols(int64_t first, int64_t count) const { return {data + first, rows, count, stride}; }
};

}  // namespace cobra
