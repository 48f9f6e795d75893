// From the value a checkpoint's pickle built to named tensors, and the arithmetic of strided layouts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "formats/pickle.h"

namespace cobra {

struct NamedTensor {
  std::string name;
  pickle::Ref tensor;  // of a pickle::Tensor
};

/// All tensors under the root, depth first in the file's order; names are dict keys (strings or integers) and
/// indices of lists and tuples, joined with '/'. Throws Error that starts with `source` for a key of another
/// kind, for nesting beyond a limit (a cycle has no end) and for more visits than a limit (values may be
/// shared, so a small pickle can describe a tree of exponential size).
std::vector<NamedTensor> list_tensors(const pickle::Tree& tree, const std::string& source);

/// Throws Error that starts with `what` unless every element lies within a storage of that many elements.
void check_layout(const pickle::Tensor& tensor, int64_t storage_elements, const std::string& what);

/// Whether the elements lie row-major without gaps.
bool is_contiguous(const pickle::Tensor& tensor);

/// Copies a checked, non-empty tensor's elements row-major to `out`.
void gather(const pickle::Tensor& tensor, std::span<const std::byte> storage, int64_t element_bytes,
            std::byte* out);

}  // namespace cobra
