// Parameters to files: safetensors under the official names, which Python reads, and the GGUF that the engine
// runs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cobra/config.h"
#include "formats/safetensors.h"
#include "model/tensor_output.h"
#include "tokenizer/tokenizer.h"
#include "train/model/parameters.h"

namespace cobra::train {

/// Tensors with their names, written atomically. float32, int64 and bool tensors on any device.
void write_tensor_file(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// A copy of one tensor of the file `path`. Throws Error naming both for a type that torch has not.
Tensor to_tensor(const TensorEntry& entry, const std::string& path);
/// The tensors of a safetensors file, copied. Throws Error naming file and tensor for types that torch has
/// not.
std::vector<std::pair<std::string, Tensor>> read_tensor_file(const std::string& path);

/// Every parameter under its official name.
void save_parameters(const Parameters& parameters, const std::string& path);

/// Reads what save_parameters wrote. Throws Error when a tensor is missing, unexpected, of another shape or
/// not float32; then the parameters are as before.
void load_parameters(const std::string& path, Parameters& parameters);

struct GgufOptions {
  DType type = DType::bf16;
  std::optional<TokenizerData> tokenizer;  // absent: the model works with token ids only
  int threads = 1;
  Progress progress;
};

/// The same file that `cobra convert` would make of these weights.
void export_gguf(const ModelConfig& config, const Parameters& parameters, const std::string& path,
                 const GgufOptions& options);

}  // namespace cobra::train
