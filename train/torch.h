// libtorch, and everything in which its versions differ: the code builds with 1.13 (Debian 12) and 2.x.
#pragma once

#include <torch/torch.h>

namespace cobra::train {

using torch::Tensor;

}  // namespace cobra::train
