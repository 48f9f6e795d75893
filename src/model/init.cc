#include "model/init.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/fail.h"
#include "base/file.h"
#include "model/init_weights.h"
#include "model/presets.h"
#include "model/schema.h"
#include "model/weight_store.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

constexpr int kVocabularyMultiple = 8;  // pad_vocab_size_multiple of the published models

/// The small models take any tokenizer's size; the others keep their true shapes.
void fit_vocabulary(const InitOptions& options, const TokenizerData& tokenizer, ModelConfig& config) {
  const auto tokens = static_cast<int>(std::min<size_t>(tokenizer.tokens.size(), 1 << 22));
  if (options.preset == "tiny" || options.preset == "fashion") {
    config.mamba.vocab_size = (tokens + kVocabularyMultiple - 1) / kVocabularyMultiple * kVocabularyMultiple;
  }
  check(tokens <= config.mamba.vocab_size, "{}: has {} tokens, but preset {} has {} rows",
        options.tokenizer.empty() ? options.language_model : options.tokenizer, tokens, options.preset,
        config.mamba.vocab_size);
  config.eos_token_id = tokenizer.eos_id;
}

bool belongs_to_projector(const TensorSpec& spec) { return spec.name.starts_with("projector."); }

bool belongs_to_tower(const TensorSpec& spec, const ModelConfig& config) {
  return std::ranges::any_of(
      config.towers, [&](const TowerConfig& tower) { return spec.name.starts_with(tower.name + "."); });
}

/// The models that parts are taken from.
class Donors {
 public:
  Donors(const ModelConfig& config, const InitOptions& options) : config_(config) {
    for (const std::string& pictures : {options.towers, options.projector})
      check(pictures.empty() || !config.towers.empty(), "{}: preset {} has no towers and no projector",
            pictures, options.preset);
    if (!options.towers.empty()) towers_.emplace(options.towers);
    if (!options.projector.empty()) projector_.emplace(options.projector);
    if (options.language_model.empty()) return;
    language_model_.emplace(options.language_model);
    check(!language_model_->find("output.weight"),
          "{}: tensor 'output.weight': expected the embedding as output head, which is all that a preset has",
          options.language_model);
  }

  const std::optional<GgufFile>& language_model() const { return language_model_; }

  /// The model that this tensor comes from, or null where it is made at random.
  const GgufFile* of(const TensorSpec& spec) const {
    const std::optional<GgufFile>& donor = belongs_to_projector(spec)        ? projector_
                                           : belongs_to_tower(spec, config_) ? towers_
                                                                             : language_model_;
    return donor ? &*donor : nullptr;
  }

 private:
  const ModelConfig& config_;
  std::optional<GgufFile> towers_, projector_, language_model_;
};

TokenizerData read_tokenizer(const std::string& path, const Donors& donors) {
  TokenizerData data = !path.empty()             ? TokenizerData::from_json(path)
                       : donors.language_model() ? TokenizerData::from_gguf(*donors.language_model())
                                                 : TokenizerData::byte_level();
  const Tokenizer consistent(data);  // throws where the vocabulary contradicts itself
  return data;
}

OutputTensor made_or_taken(const TensorSpec& spec, const ModelConfig& config, const InitOptions& options,
                           const Donors& donors) {
  if (const GgufFile* donor = donors.of(spec))
    return retyped(*donor, weight_tensor(*donor, spec.name, spec.shape), spec, options.type);
  return {spec.name, spec.shape, stored_type(spec, options.type), initial_values(spec, config, options.seed),
          {},        {}};
}

/// The same times `factor`; of float32.
OutputTensor scaled(OutputTensor tensor, double factor) {
  const size_t cols = static_cast<size_t>(tensor.shape.back());
  const std::span<const std::byte> ready = std::exchange(tensor.ready, {});
  tensor.read_row = [=, read_row = tensor.read_row](int64_t row, float* out) {
    if (ready.empty())
      read_row(row, out);
    else
      std::memcpy(out, ready.data() + static_cast<size_t>(row) * cols * sizeof(float), cols * sizeof(float));
    for (size_t i = 0; i < cols; ++i) out[i] *= static_cast<float>(factor);
  };
  return tensor;
}

}  // namespace

void init_model(const InitOptions& options) {
  ModelConfig config = preset(options.preset);
  const Donors donors(config, options);
  const TokenizerData tokenizer = read_tokenizer(options.tokenizer, donors);
  fit_vocabulary(options, tokenizer, config);
  check_config(config, options.preset);
  for (const std::string* input :
       {&options.tokenizer, &options.towers, &options.projector, &options.language_model}) {
    if (!input->empty()) check_output_differs(options.output, *input);
  }

  std::vector<OutputTensor> tensors;
  for (const TensorSpec& spec : tensor_specs(config)) {
    OutputTensor tensor = made_or_taken(spec, config, options, donors);
    const bool fades = spec.name.ends_with("ssm_a") && options.state_decay != 1;
    tensors.push_back(fades ? scaled(std::move(tensor), options.state_decay) : std::move(tensor));
  }
  GgufWriter writer(options.output);
  write_config(config, options.type, writer);
  tokenizer.to_gguf(writer, config.mamba.vocab_size);
  write_tensors(tensors, options.threads, options.progress, writer);
}

}  // namespace cobra
