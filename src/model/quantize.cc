#include "model/quantize.h"

#include <map>

#include "base/fail.h"
#include "base/file.h"
#include "model/schema.h"

namespace cobra {
namespace {

std::map<std::string, TensorSpec> specs_by_name(const ModelConfig& config) {
  std::map<std::string, TensorSpec> specs;
  for (TensorSpec& spec : tensor_specs(config)) {
    std::string name = spec.name;
    specs.emplace(std::move(name), std::move(spec));
  }
  // Only a model whose head is not its embedding has this one.
  const std::vector<int64_t> head{config.mamba.vocab_size, config.mamba.d_model};
  specs.emplace("output.weight", TensorSpec{"output.weight", head, true});
  return specs;
}

void check_complete(const GgufFile& file, const std::map<std::string, TensorSpec>& specs) {
  for (const auto& [name, spec] : specs) {
    check(file.find(name) || name == "output.weight", "{}: tensor '{}' is missing, expected shape {}",
          file.path(), name, to_string(spec.shape));
  }
}

std::vector<OutputTensor> plan(const GgufFile& file, DType wanted) {
  const std::map<std::string, TensorSpec> specs = specs_by_name(read_config(file));
  check_complete(file, specs);
  std::vector<OutputTensor> outputs;
  for (const TensorEntry& tensor : file.tensors()) {
    const auto spec = specs.find(tensor.name);
    check(spec != specs.end(),
          "{}: tensor '{}' of shape {} is unexpected: its configuration has none of that name", file.path(),
          printable(tensor.name), to_string(tensor.shape));
    outputs.push_back(retyped(file, tensor, spec->second, wanted));
  }
  return outputs;
}

/// Sorted, as write_config writes, so that a file that convert wrote and one that
/// was re-typed to the same type are the same bytes.
void copy_metadata(const GgufFile& file, DType type, GgufWriter& writer) {
  for (const auto& [key, value] : file.metadata()) {
    writer.set(key, key == "general.file_type" ? GgufValue(file_type_number(type)) : value);
  }
  if (!file.has("general.file_type")) writer.set("general.file_type", file_type_number(type));
}

}  // namespace

void quantize(const QuantizeOptions& options) {
  const GgufFile file(options.input);
  check_output_differs(options.output, options.input);
  const std::vector<OutputTensor> tensors = plan(file, options.type);
  GgufWriter writer(options.output);
  copy_metadata(file, options.type, writer);
  write_tensors(tensors, options.threads, options.progress, writer);
}

}  // namespace cobra
