// libtorch, and everything in which its versions differ: the code builds with 1.13 (Debian 12) and 2.x. Only
// what tensors and autograd need is included, which halves the time to compile; modules and optimisers of
// libtorch are not used.
#pragma once

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>

namespace cobra::train {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Sets a flag of the thread (gradients on or off) while it lives.
using torch::AutoGradMode;
using torch::NoGradGuard;

}  // namespace cobra::train
