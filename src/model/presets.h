// Configurations of the official models, and a tiny one; for models with random weights.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cobra/config.h"

namespace cobra {

/// The names that preset() knows.
std::vector<std::string> preset_names();

/// Throws Error listing the names when there is no such preset. Source of the dimensions: the official code's
/// conf/models.py, timm 0.9.10's model definitions and the published Mamba-2.8B's config.json.
ModelConfig preset(std::string_view name);

}  // namespace cobra
