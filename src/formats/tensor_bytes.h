// The size rule that every tensor container checks its tensors against.
#pragma once

#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace cobra {

/// More dimensions than this are refused in every container (PyTorch's own limit).
inline constexpr size_t kMaxRank = 64;

/// Bytes that a contiguous tensor of `type` and `shape` takes; a shape of no dimensions is one value. `what`
/// (file and tensor) begins the Error when the rank, a dimension, the row length of a quantised type or the
/// product is out of range.
int64_t tensor_bytes(DType type, const std::vector<int64_t>& shape, std::string_view what);

}  // namespace cobra
