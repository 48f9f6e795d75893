// Activation checkpointing: a function's intermediates are not kept but made again when its gradient is
// wanted. Source: Chen et al., Training Deep Nets with Sublinear Memory Cost (arXiv 1604.06174).
#pragma once

#include <functional>

#include "train/torch.h"

namespace cobra::train {

/// f(x), of which only x is kept. f may use parameters: their gradients are added to them as usual. f must
/// give the same result each time. Without gradients, or where x needs none, this is f(x).
Tensor recompute(const std::function<Tensor(const Tensor&)>& f, const Tensor& x);

}  // namespace cobra::train
