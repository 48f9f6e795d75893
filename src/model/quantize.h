// Re-types the matrices of a model file.
#pragma once

#include <string>

#include "base/dtype.h"
#include "model/tensor_output.h"

namespace cobra {

struct QuantizeOptions {
  std::string input;  // a GGUF of architecture "cobra" or "mamba"
  DType type = DType::q8_0;
  std::string output;
  int threads = 1;
  Progress progress;  // may be empty
};

/// Writes `output` with the types that convert would give (schema.h, stored_type). All metadata is kept but
/// for general.file_type. Tensors that have their type already are copied as they are. Throws Error naming
/// file and tensor, also when a tensor is missing, unknown or misshapen, or when output and input are one
/// file.
void quantize(const QuantizeOptions& options);

}  // namespace cobra
