// Logits that can be chosen from.
#pragma once

#include <span>

#include "cobra/model.h"

namespace cobra {

/// `logits`, which a session of this model made. Throws Error naming the model's file and the first token
/// whose logit is not finite: its weights are damaged.
std::span<const float> finite_logits(const Model& model, std::span<const float> logits);

}  // namespace cobra
