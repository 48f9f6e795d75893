// What happens to gradients between the backward passes and the optimiser.
#pragma once

#include <vector>

#include "train/model/parameters.h"

namespace cobra::train {

/// Fills gradients with zeros. One that was never made stays absent, and the optimiser leaves its parameter
/// alone.
void zero_gradients(const std::vector<Parameter>& parameters);

void scale_gradients(const std::vector<Parameter>& parameters, double factor);

/// Euclidean norm over all gradients together.
double gradient_norm(const std::vector<Parameter>& parameters);

/// min(1, max_norm / (norm + 1e-6)), torch's clip_grad_norm_.
double clip_coefficient(double norm, double max_norm);

}  // namespace cobra::train
