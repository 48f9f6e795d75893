// What every tensor container gives: named, typed, shaped bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace cobra {

/// One tensor of a file. The bytes belong to the file object that gave it. `shape` is outermost first ([rows,
/// cols] for a matrix), and data is row-major and contiguous whatever the container's own order is.
struct TensorEntry {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;

  int64_t elements() const;
};

/// "[48, 3, 14, 14]"
std::string to_string(const std::vector<int64_t>& shape);

/// The values of a tensor as float32 (f32, f16, bf16, f64 and integers convert; quantised types are an error
/// here). `file` only names the file in the error.
std::vector<float> to_float32(const TensorEntry& tensor, const std::string& file);

}  // namespace cobra
