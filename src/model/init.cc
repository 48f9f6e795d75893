#include "model/init.h"

#include <algorithm>

#include "base/fail.h"
#include "model/init_weights.h"
#include "model/presets.h"
#include "model/schema.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

constexpr int kVocabularyMultiple = 8;  // pad_vocab_size_multiple of the published models

TokenizerData read_tokenizer(const std::string& path) {
  TokenizerData data = path.empty() ? TokenizerData::byte_level() : TokenizerData::from_json(path);
  const Tokenizer consistent(data);  // throws where the vocabulary contradicts itself
  return data;
}

/// The small models take any tokenizer's size; the others keep their true shapes.
void fit_vocabulary(const InitOptions& options, const TokenizerData& tokenizer, ModelConfig& config) {
  const auto tokens = static_cast<int>(std::min<size_t>(tokenizer.tokens.size(), 1 << 22));
  if (options.preset == "tiny" || options.preset == "fashion") {
    config.mamba.vocab_size = (tokens + kVocabularyMultiple - 1) / kVocabularyMultiple * kVocabularyMultiple;
  }
  check(tokens <= config.mamba.vocab_size, "{}: has {} tokens, but preset {} has {} rows", options.tokenizer,
        tokens, options.preset, config.mamba.vocab_size);
  config.eos_token_id = tokenizer.eos_id;
}

}  // namespace

void init_model(const InitOptions& options) {
  ModelConfig config = preset(options.preset);
  const TokenizerData tokenizer = read_tokenizer(options.tokenizer);
  fit_vocabulary(options, tokenizer, config);
  check_config(config, options.preset);
  if (!options.tokenizer.empty()) check_output_differs(options.output, options.tokenizer);

  std::vector<OutputTensor> tensors;
  for (const TensorSpec& spec : tensor_specs(config)) {
    tensors.push_back({spec.name,
                       spec.shape,
                       stored_type(spec, options.type),
                       initial_values(spec, config, options.seed),
                       {},
                       {}});
  }
  GgufWriter writer(options.output);
  write_config(config, options.type, writer);
  tokenizer.to_gguf(writer, config.mamba.vocab_size);
  write_tensors(tensors, options.threads, options.progress, writer);
}

}  // namespace cobra
