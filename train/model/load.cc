#include "train/model/load.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/fail.h"
#include "base/parallel.h"
#include "kernels/quant.h"
#include "model/convert_plan.h"
#include "model/convert_run.h"
#include "model/init_weights.h"
#include "model/schema.h"
#include "model/weight_store.h"
#include "train/model/projector.h"

namespace cobra::train {
namespace {

/// Rows as the GGUF has them, into a parameter: the order of values is the same in both.
template <class ReadRow>
void fill_rows(const Parameter& parameter, int threads, const ReadRow& read_row) {
  const int64_t cols = parameter.mapping.target.shape.back();
  float* values = parameter.value.data_ptr<float>();
  parallel_for(threads, parameter.value.numel() / cols,
               [&](int64_t row, int) { read_row(row, values + row * cols); });
}

// ---- GGUF --------------------------------------------------------------------------------------------

/// A = -exp(A_log) back to A_log.
void invert_negative_exp(const Parameter& parameter, const std::string& path) {
  float* A = parameter.value.data_ptr<float>();
  for (int64_t i = 0; i < parameter.value.numel(); ++i) {
    check(A[i] < 0 && std::isfinite(A[i]), "{}: tensor '{}': expected finite negative values, found {}", path,
          parameter.mapping.target.name, A[i]);
    A[i] = std::log(-A[i]);
  }
}

void fill_parameter(const GgufFile& file, const Parameter& parameter, int threads) {
  const TensorSpec& spec = parameter.mapping.target;
  const TensorEntry& tensor = weight_tensor(file, spec.name, spec.shape);
  const int64_t stride = row_bytes(tensor.type, spec.shape.back());
  fill_rows(parameter, threads, [&](int64_t row, float* out) {
    dequantize_row(tensor.type, tensor.bytes.data() + row * stride, out, spec.shape.back());
  });
  file.release_pages(tensor.bytes);
  if (parameter.mapping.transform == Transform::negative_exp) invert_negative_exp(parameter, file.path());
}

ModelSource open_gguf(const SourceOptions& options, int threads) {
  const std::string& path = options.gguf;
  const auto file = std::make_shared<const GgufFile>(path);
  ModelSource source;
  source.config = read_config(*file);
  check(source.config.mamba.n_layer > 0, "{}: expected a language model, found vision towers only", path);
  check(
      !file->find("output.weight"),
      "{}: tensor 'output.weight': an output head of its own is not trained; expected the embedding as head",
      path);
  for (const TensorSpec& spec : tensor_specs(source.config)) weight_tensor(*file, spec.name, spec.shape);
  if (!options.files.tokenizer.empty()) {
    source.tokenizer = read_tokenizer(options.files, Dims(), source.config);
  } else if (TokenizerData::in_gguf(*file)) {
    source.tokenizer = TokenizerData::from_gguf(*file);
  }
  source.fill = [file, threads](Parameters& parameters) { fill_from_gguf(*file, threads, parameters); };
  return source;
}

// ---- official files ----------------------------------------------------------------------------------

/// The tensors of a conversion by their names in a GGUF.
std::map<std::string, OutputTensor> plan_source(RunSource& source) {
  Plan plan;
  plan.config = source.config;
  const bool head_required = source.projector.has_value();
  plan_language_model(*source.language_model, head_required, DType::f32, plan);
  if (source.projector) plan_projector(plan.config.projector, *source.projector, DType::f32, plan);
  for (size_t i = 0; i < source.towers.size(); ++i) {
    plan_tower(plan.config.towers[i], source.towers[i], DType::f32, plan);
  }
  std::map<std::string, OutputTensor> by_name;
  for (OutputTensor& tensor : plan.tensors) by_name.emplace(tensor.name, tensor);
  check(!by_name.contains("output.weight"),
        "{}: lm_head differs from the embedding: an output head of its own is not trained",
        source.language_model->path());
  return by_name;
}

/// Values that the conversion would change are read as they are: log(exp(A_log)) is not A_log to the last
/// bit.
void fill_untransformed(SourceTensors& source, const Parameter& parameter) {
  const NameMapping& mapping = parameter.mapping;
  const std::vector<float> values =
      to_float32(source.take(mapping.source, mapping.source_shape), source.path());
  std::copy(values.begin(), values.end(), parameter.value.data_ptr<float>());
}

void fill_from_files(RunSource& source, const std::map<std::string, OutputTensor>& tensors,
                     Parameters& parameters, int threads) {
  for (const Parameter& parameter : parameters.list()) {
    const auto tensor = tensors.find(parameter.mapping.target.name);
    if (tensor == tensors.end()) continue;  // a projector that no checkpoint gave
    fill_rows(parameter, threads, tensor->second.read_row);
    if (parameter.mapping.transform == Transform::negative_exp) {
      fill_untransformed(*source.language_model, parameter);
    }
    if (tensor->second.done) tensor->second.done();
  }
  const ProjectorConfig& projector = source.config.projector;
  if (!source.projector && projector.out > 0) initialize_projector(projector, parameters);
}

ModelSource open_files(const SourceOptions& options, int threads) {
  const bool is_run = !options.files.run_dir.empty();
  const auto opened = std::make_shared<RunSource>(
      is_run ? open_run(options.files)
             : open_parts(options.files, options.projector.value_or(ProjectorType::fused_gelu_mlp)));
  check(opened->language_model.has_value(),
        "training needs a language model: give a model file, a run, or a language model with its towers");
  ModelSource source;
  source.tokenizer = read_tokenizer(options.files, opened->dims, opened->config);
  source.config = opened->config;
  check_config(source.config, opened->language_model->path());
  source.fill = [opened, threads, tensors = plan_source(*opened)](Parameters& parameters) {
    fill_from_files(*opened, tensors, parameters, threads);
  };
  return source;
}

}  // namespace

std::string unread_part(const SourceOptions& options,
                        const std::function<std::string(const std::string&)>& spell) {
  const ConvertOptions& files = options.files;
  const bool run = !files.run_dir.empty(), llm = !files.llm.empty();
  const std::string from_run = spell("run"), from_llm = spell("llm"),
                    from_either = from_run + " and " + from_llm;
  struct Given {
    const char* name;
    bool given, is_read;
    const std::string& starts;
  };
  for (const auto& [name, given, is_read, starts] :
       {Given{"checkpoint", !files.checkpoint.empty(), run, from_run},
        {"dino", !files.dino.empty(), run || llm, from_either},
        {"siglip", !files.siglip.empty(), run || llm, from_either},
        {"clip_tower", !files.clip.empty(), run || llm, from_either},
        {"dims", !files.dims.empty(), run || llm, from_either},
        {"projector", options.projector.has_value(), llm, from_llm}}) {
    if (given && !is_read) return fmt::format("{} goes with {} only", spell(name), starts);
  }
  return {};
}

void fill_from_gguf(const GgufFile& file, int threads, Parameters& parameters) {
  for (const Parameter& parameter : parameters.list()) fill_parameter(file, parameter, threads);
}

ModelSource random_source(const ModelConfig& config, uint64_t seed) {
  ModelSource source;
  source.config = config;
  source.fill = [config, seed](Parameters& parameters) {
    for (const Parameter& parameter : parameters.list()) {
      fill_rows(parameter, at::get_num_threads(), initial_values(parameter.mapping.target, config, seed));
      if (parameter.mapping.transform == Transform::negative_exp)
        invert_negative_exp(parameter, "random values");
    }
  };
  return source;
}

ModelSource open_source(const SourceOptions& options, int threads) {
  const bool has_files = !options.files.run_dir.empty() || !options.files.llm.empty();
  check(options.gguf.empty() || !has_files,
        "a model file and official files exclude each other: give one of them");
  return options.gguf.empty() ? open_files(options, threads) : open_gguf(options, threads);
}

}  // namespace cobra::train
