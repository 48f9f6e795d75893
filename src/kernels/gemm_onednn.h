// Matrix products by oneDNN, as KernelTable wants them and as the trainer does.
#pragma once

#include <memory>

#include "kernels/kernel_table.h"

namespace cobra {

/// C = A B with bfloat16 inputs and float32 sums on `threads` threads, for training; with `transpose_a` A is
/// [K][M], of row stride lda. Safe from any number of threads at once. Throws dnnl::error where oneDNN has no
/// bfloat16 product (ask onednn_has_fast_bf16 first).
void onednn_product_bf16(const Gemm& shape, bool transpose_a, int threads, const BFloat16* A,
                         const BFloat16* B, float* C);
/// Whether the machine has bfloat16 instructions (AVX512-BF16 or AMX) that oneDNN uses.
bool onednn_has_fast_bf16();

/// A product C [M, N] = A [M, K] B [K, N], C in float32, made the way that suits oneDNN best: weights in its
/// own layout, its own split over threads. For measuring what oneDNN can do, not for computing.
class OneDnnProduct {
 public:
  /// Inputs in bfloat16 (see onednn_has_fast_bf16) or float32.
  OneDnnProduct(int64_t M, int64_t N, int64_t K, int threads, bool bf16);
  ~OneDnnProduct();
  /// A and B row-major; both are copied.
  void set_inputs(const float* A, const float* B);
  void run();
  /// C, row-major.
  const float* result() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cobra
