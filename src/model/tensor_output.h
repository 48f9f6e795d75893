// The common last step of convert, quantize and init: tensors that some source gives row by row in float32
// become a GGUF.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "formats/gguf.h"
#include "model/schema.h"

namespace cobra {

/// Told after every tensor: bytes written so far, bytes in all, the tensor's name.
using Progress = std::function<void(int64_t done_bytes, int64_t total_bytes, const std::string& name)>;

/// One tensor of the file to be. A vector is one row.
struct OutputTensor {
  std::string name;
  std::vector<int64_t> shape;  // outermost first
  DType type = DType::f32;
  /// Writes the float32 values of one row to `out`. Called from several threads, each row once.
  std::function<void(int64_t row, float* out)> read_row;
  /// Bytes that are already in the wanted type; then read_row is not called.
  std::span<const std::byte> ready;
  /// Called when the tensor is written, e.g. to let go of its source's pages; may be empty.
  std::function<void()> done;
};

/// Throws Error naming file, tensor, row and column where one of a row's values is not a finite number.
void check_finite(const float* values, int64_t n, int64_t row, const std::string& path,
                  const std::string& tensor);

/// The tensor of a GGUF in the type that models of type `wanted` have it in. `file` and `tensor` must outlive
/// it. Throws Error when the shape is not the specified one, and read_row where a value is not finite.
OutputTensor retyped(const GgufFile& file, const TensorEntry& tensor, const TensorSpec& spec, DType wanted);

/// Declares all tensors, then makes and writes them one by one, so that one tensor is in memory at a time,
/// its rows shared out over `threads`; then finishes the file. The bytes do not depend on `threads`.
void write_tensors(const std::vector<OutputTensor>& tensors, int threads, const Progress& progress,
                   GgufWriter& writer);

}  // namespace cobra
