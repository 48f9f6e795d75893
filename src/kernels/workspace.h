// Scratch memory of the operators.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/half.h"
#include "base/pages.h"

namespace cobra {

/// A buffer that grows and never shrinks: after the first pass of a size nothing is allocated. Large ones
/// stand on huge pages: a prompt's activations are read in strides that touch more small pages than the
/// processor remembers (bench/NOTES.md).
template <typename T>
class Scratch {
 public:
  T* get(int64_t size) {
    if (size > buffer_.size()) {
      buffer_ = AlignedBuffer<T>::uninitialized(size);
      prefer_huge_pages(std::as_writable_bytes(std::span(buffer_.data(), static_cast<size_t>(size))));
    }
    return buffer_.data();
  }

 private:
  AlignedBuffer<T> buffer_;
};

/// What operators keep between calls. One workspace serves one forward pass at a time.
struct Workspace {
  struct PerThread {
    Scratch<float> panel;          // expanded weights [K][N of the panel]
    Scratch<BFloat16> panel_bf16;  // weights of tiles, being multiplied and next; what attention multiplies
    Scratch<float> product;        // [M][N of the panel]; attention scores; a row copied out of channel tiles
  };

  Scratch<float> rows;       // all activations copied out of channel tiles, for products in float32
  Scratch<float> hidden[2];  // between the layers of an MLP
  Scratch<BFloat16> rows_bf16;
  Scratch<BFloat16> hidden_bf16[2];
  Scratch<int8_t> quants;  // activations in 8 bits; QuantizedRows (kernel_table.h) says what the rest is
  Scratch<int16_t> wide_quants;
  Scratch<int32_t> quant_shifts;
  Scratch<float> quant_scales;
  Scratch<float> quant_sums;
  Scratch<int16_t> rows_16;  // activations in 16 bits; Rows16 says what the rest is
  Scratch<int32_t> sums_16;
  Scratch<float> scales_16;
  std::vector<PerThread> threads;
};

}  // namespace cobra
