// Pictures as the towers take them.
#pragma once

#include <string>
#include <vector>

#include "cobra/config.h"
#include "cobra/image.h"
#include "train/torch.h"

namespace cobra::train {

/// For each tower [pictures, 3, S, S], resized and normalised as the model's configuration says.
std::vector<Tensor> pixel_values(const ModelConfig& config, const std::vector<Image>& pictures);

}  // namespace cobra::train
