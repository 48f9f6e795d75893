#include "kernels/gemm_onednn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace cobra {
namespace {

TEST(OneDnnProductTest, MultipliesInEitherType) {
  constexpr int M = 5, N = 33, K = 19;
  std::vector<float> A(M * K), B(K * N);  // small integers: exact in bfloat16, as are their sums in float32
  for (size_t i = 0; i < A.size(); ++i) A[i] = static_cast<float>(i * 7 % 13) - 6;
  for (size_t i = 0; i < B.size(); ++i) B[i] = static_cast<float>(i * 5 % 17) - 8;
  for (const bool bf16 : {false, true}) {
    if (bf16 && !onednn_has_fast_bf16()) continue;
    for (const int threads : {1, 2}) {
      OneDnnProduct product(M, N, K, threads, bf16);
      product.set_inputs(A.data(), B.data());
      product.run();
      for (int m = 0; m < M; ++m) {
        for (int n = 0; n < N; ++n) {
          float sum = 0;
          for (int k = 0; k < K; ++k) sum += A[m * K + k] * B[k * N + n];
          ASSERT_EQ(product.result()[m * N + n], sum) << bf16 << ' ' << m << ' ' << n;
        }
      }
    }
  }
}

}  // namespace
}  // namespace cobra
