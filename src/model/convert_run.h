// The official files of a model, opened and described but not yet read: what convert and the trainer start
// from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cobra/config.h"
#include "model/backbones.h"
#include "model/convert.h"
#include "model/convert_config.h"
#include "model/convert_source.h"
#include "tokenizer/tokenizer.h"

namespace cobra {

/// Weights by their official names, without the prefixes that name the part.
struct RunSource {
  ModelConfig config;
  Dims dims;
  std::optional<SourceTensors> projector;       // absent where no checkpoint was given
  std::optional<SourceTensors> language_model;  // absent for towers alone
  std::vector<SourceTensors> towers;            // in the order of config.towers
};

/// `options.run_dir` with its checkpoint and towers. Throws Error naming file, tensor or field.
RunSource open_run(const ConvertOptions& options);

/// Published parts without a run: `options.llm`, towers, or both. With both the configuration says
/// "resize-naive" and has the given projector between them, whose weights are absent.
RunSource open_parts(const ConvertOptions& options, ProjectorType projector = ProjectorType::fused_gelu_mlp);

/// Where a run folder has its configuration and, by default, its weights.
std::string run_config_path(const std::string& run_dir);
std::string default_checkpoint(const std::string& run_dir);

/// The tokenizer of `options`, or nothing; sets the configuration's end-of-text id.
std::optional<TokenizerData> read_tokenizer(const ConvertOptions& options, const Dims& dims,
                                            ModelConfig& config);

}  // namespace cobra
