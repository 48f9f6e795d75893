// Block formats of ggml: reference conversions between float32 rows and quantised rows, in plain C++.
// Source of the layouts: ggml's block_q8_0, block_q4_0, block_q4_K, block_q5_K, block_q6_K (ggml-common.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace cobra {

/// n values of a row stored as `type` (f32, f16, bf16, q8_0, q4_0, q4_k, q5_k, q6_k) to float32, bit-exact to
/// ggml's own dequantisation. n is a multiple of the block size.
void dequantize_row(DType type, const std::byte* row, float* out, int64_t n);

/// n float32 values to `type`, every type of dequantize_row. Rounds to nearest; the K formats search scale
/// and minimum by weighted least squares over candidates. Values that are not finite are stored as the
/// nearest finite value.
void quantize_row(DType type, const float* row, std::byte* out, int64_t n);

/// The type a tensor of rows of `cols` values really gets when `wanted` is asked for: `wanted` where the
/// block size divides cols, else q4_k -> q4_0 (32), else bf16. (SigLIP's 4304 is not a multiple of 32.)
DType storable_type(DType wanted, int64_t cols);

}  // namespace cobra
