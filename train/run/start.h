// Where a run starts from.
#pragma once

#include "train/model/load.h"
#include "train/run/recipe.h"

namespace cobra::train {

/// Files in a run folder.
inline constexpr const char* kRecipeFile = "recipe.json";
inline constexpr const char* kMetricsFile = "metrics.jsonl";
inline constexpr const char* kLogFile = "log.txt";
inline constexpr const char* kChartFile = "loss.svg";
inline constexpr const char* kCheckpointFolder = "checkpoints";
inline constexpr const char* kWeightsFile = "model.safetensors";
inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kGgufFile = "model.gguf";

/// The recipe's keys that name files to start from; `model` as if it were a file.
SourceOptions source_of(const RunRecipe& recipe);

/// The recipe's model, opened: a GGUF, an earlier run of this program (its float32 weights), an official run,
/// or a Mamba with towers. Throws Error naming file and field.
ModelSource open_start(const RunRecipe& recipe, int threads);

}  // namespace cobra::train
