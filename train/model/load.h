// Where a model's weights come from: a GGUF, the official files, or published parts with a new projector.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cobra/config.h"
#include "formats/gguf.h"
#include "model/convert.h"
#include "tokenizer/tokenizer.h"
#include "train/model/parameters.h"

namespace cobra::train {

struct SourceOptions {
  std::string gguf;      // a model file, of `files` only with `tokenizer`, instead of its own; or
  ConvertOptions files;  // run_dir with towers, or llm with towers and no projector yet; `output` is not read
  /// Of the new projector in the last case; fused_gelu_mlp if not given.
  std::optional<ProjectorType> projector = {};
};

/// What is wrong with a part that this kind of start does not read, and which would be dropped in silence; or
/// "". `spell` makes what a user calls it ("--clip-tower", "'clip_tower'") of its name ("clip_tower").
std::string unread_part(const SourceOptions& options,
                        const std::function<std::string(const std::string& name)>& spell);

/// An opened source. Configuration, names and shapes are checked; values are read by `fill`.
struct ModelSource {
  ModelConfig config;
  std::optional<TokenizerData> tokenizer;
  std::function<void(Parameters&)> fill;
};

/// Random values at the official initialisers' scales: what `cobra init` writes for this configuration and
/// seed.
ModelSource random_source(const ModelConfig& config, uint64_t seed);

/// Every parameter from a GGUF that has this configuration, dequantised.
void fill_from_gguf(const GgufFile& file, int threads, Parameters& parameters);

/// Throws Error naming file, tensor or field, what was expected and what was found.
ModelSource open_source(const SourceOptions& options, int threads);

}  // namespace cobra::train
