// What a finished run leaves: weights under the official names, their configuration, and a GGUF.
#pragma once

#include <optional>
#include <string>

#include "formats/json.h"
#include "train/model/save.h"

namespace cobra::train {

/// Dimensions and choices of a model, for readers of model.safetensors.
Json config_json(const ModelConfig& config);

/// model.safetensors, config.json and model.gguf in `folder`, the last one last: where it is, all are.
void export_model(const ModelConfig& config, const Parameters& parameters, const std::string& folder,
                  const GgufOptions& options);

}  // namespace cobra::train
