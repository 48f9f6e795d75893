// From patch features to the language model's width. Source: Cobra's util/nn_utils.py; LDP is MobileVLM v2's.
// The engine's counterpart is src/lm/projector.h.
#pragma once

#include <vector>

#include "cobra/config.h"
#include "train/model/linear.h"
#include "train/model/parameters.h"

namespace cobra::train {

struct Projector {
  ProjectorConfig config;
  std::vector<Linear> layers;  // a GELU between each two
  Tensor peg_weight;           // [out, 1, 3, 3], LDP only: depthwise
  Tensor peg_bias;             // [out]
};

Projector bind_projector(const ProjectorConfig& config, const Parameters& parameters);

/// features [B, P, in] -> [B, tokens, out]; P must be a square for LDP.
Tensor project(const Projector& projector, const Tensor& features, Precision precision);

/// The values that the official code starts a projector with: torch's defaults of each layer in order, after
/// torch.manual_seed(config.in).
void initialize_projector(const ProjectorConfig& config, Parameters& parameters);

}  // namespace cobra::train
