// Which parameters weight decay applies to, as the official code groups them in one process: those of two
// dimensions and more that are no biases, the convolution's weight and A_log included (its _no_weight_decay
// mark is not read there).
#pragma once

#include "train/model/parameters.h"

namespace cobra::train {

inline bool decays(const Parameter& parameter) {
  return parameter.value.dim() >= 2 && !parameter.name.ends_with(".bias");
}

}  // namespace cobra::train
