// Tensors as the engine's kernels take them.
#pragma once

#include <vector>

#include "cobra/runtime.h"
#include "cobra/tensor_view.h"
#include "kernels/kernel_table.h"
#include "train/torch.h"

namespace cobra::train {

/// The engine's kernels work on float32 in the computer's own memory.
inline bool has_kernels(const Tensor& x) { return x.device().is_cpu() && x.scalar_type() == torch::kFloat32; }

/// The best table of this machine, or the one that COBRA_ISA names.
inline const KernelTable& kernel_table() {
  static const KernelTable& table = Runtime().kernels();
  return table;
}

/// x [B, L, cols] itself where its rows are evenly spaced (a slice of columns is), else a copy.
inline Tensor with_rows(const Tensor& x) {
  const bool even = x.stride(2) == 1 && x.stride(0) == x.size(1) * x.stride(1);
  return even ? x : x.contiguous();
}

/// [B, L, cols] as [B L, cols]; x is as with_rows gives it.
inline TensorView<float> row_view(const Tensor& x) {
  return {x.data_ptr<float>(), x.size(0) * x.size(1), x.size(2), x.stride(1)};
}

}  // namespace cobra::train
