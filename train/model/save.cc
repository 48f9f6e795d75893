#include "train/model/save.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "base/fail.h"
#include "formats/safetensors.h"
#include "model/schema.h"

namespace cobra::train {
namespace {

DType file_type(const Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat32:
      return DType::f32;
    case torch::kFloat64:
      return DType::f64;
    case torch::kInt64:
      return DType::i64;
    case torch::kBool:
      return DType::boolean;
    default:
      fail("cannot write a tensor of type {}", torch::toString(tensor.scalar_type()));
  }
}

torch::ScalarType torch_type(const TensorEntry& tensor, const std::string& path) {
  switch (tensor.type) {
    case DType::f32:
      return torch::kFloat32;
    case DType::f64:
      return torch::kFloat64;
    case DType::f16:
      return torch::kFloat16;
    case DType::bf16:
      return torch::kBFloat16;
    case DType::i64:
      return torch::kInt64;
    case DType::i32:
      return torch::kInt32;
    case DType::u8:
      return torch::kUInt8;
    case DType::boolean:
      return torch::kBool;
    default:
      fail("{}: tensor '{}': type {} is not read here", path, printable(tensor.name), name(tensor.type));
  }
}

std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

OutputTensor output_of(const Parameter& parameter, DType type) {
  const TensorSpec& spec = parameter.mapping.target;
  const Tensor value = parameter.value.detach().cpu().contiguous();
  const int64_t cols = spec.shape.back();
  const bool negative_exp = parameter.mapping.transform == Transform::negative_exp;
  OutputTensor output{spec.name, spec.shape, cobra::stored_type(spec, type), {}, {}, {}};
  output.read_row = [value, cols, negative_exp](int64_t row, float* out) {
    std::copy_n(value.data_ptr<float>() + row * cols, cols, out);
    if (negative_exp) std::transform(out, out + cols, out, [](float a) { return -std::exp(a); });
  };
  return output;
}

}  // namespace

void write_tensor_file(const std::string& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<Tensor> kept;  // the bytes must live until they are written
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().cpu().contiguous());
    entries.push_back({name, file_type(tensor), tensor.sizes().vec(), bytes_of(kept.back())});
  }
  write_safetensors(path, entries, metadata);
}

Tensor to_tensor(const TensorEntry& entry, const std::string& path) {
  const Tensor tensor = torch::empty(entry.shape, torch_type(entry, path));
  if (!entry.bytes.empty()) std::memcpy(tensor.data_ptr(), entry.bytes.data(), entry.bytes.size());
  return tensor;
}

std::vector<std::pair<std::string, Tensor>> read_tensor_file(const std::string& path) {
  const SafetensorsFile file(path);
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const TensorEntry& entry : file.tensors()) tensors.emplace_back(entry.name, to_tensor(entry, path));
  return tensors;
}

void save_parameters(const Parameters& parameters, const std::string& path) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const Parameter& parameter : parameters.list()) tensors.emplace_back(parameter.name, parameter.value);
  write_tensor_file(path, tensors);
}

void load_parameters(const std::string& path, Parameters& parameters) {
  const SafetensorsFile file(path);
  for (const Parameter& parameter : parameters.list()) {
    const std::vector<int64_t> shape = parameter.value.sizes().vec();
    const TensorEntry* tensor = file.find(parameter.name);
    check(tensor != nullptr, "{}: tensor '{}' is missing, expected shape {}", path, parameter.name,
          to_string(shape));
    check(tensor->shape == shape && tensor->type == DType::f32,
          "{}: tensor '{}': expected f32 {}, found {} {}", path, parameter.name, to_string(shape),
          name(tensor->type), to_string(tensor->shape));
  }
  for (const TensorEntry& tensor : file.tensors()) {
    check(parameters.has(tensor.name), "{}: tensor '{}' is unexpected: the model has none of that name", path,
          printable(tensor.name));
  }
  const NoGradGuard no_grad;
  for (Parameter& parameter : parameters.list()) {
    parameter.value.copy_(to_tensor(*file.find(parameter.name), path));
  }
}

void export_gguf(const ModelConfig& config, const Parameters& parameters, const std::string& path,
                 const GgufOptions& options) {
  std::vector<OutputTensor> tensors;
  for (const Parameter& parameter : parameters.list()) tensors.push_back(output_of(parameter, options.type));
  GgufWriter writer(path);
  write_config(config, options.type, writer);
  if (options.tokenizer) {
    options.tokenizer->to_gguf(writer, config.mamba.vocab_size);
  } else {
    TokenizerData::none_to_gguf(writer);
  }
  write_tensors(tensors, options.threads, options.progress, writer);
}

}  // namespace cobra::train
