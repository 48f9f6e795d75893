// Bfloat16 products of a prompt by AVX512-BF16, whose instruction multiplies pairs of columns: for machines
// that have it and no AMX, where this is faster than oneDNN's product, which first brings weights into such
// pairs itself.
#pragma once

#include <cstdint>

#include "base/half.h"

namespace cobra {

/// KernelTable::gemm_pairs.
void avx512_gemm_pairs(int64_t M, int64_t K, int64_t tiles, const BFloat16* A, const BFloat16* B, float* C);
/// Whether avx512_gemm_pairs runs here.
bool has_avx512_bf16();
/// Whether the machine has AVX512-BF16 and nothing better (AMX).
bool gemm_pairs_is_best();

}  // namespace cobra
