// What the kernel tests share: guarded buffers, seeded values, and a list of every table the machine can run.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "kernels/kernels.h"
#include "kernels/quant.h"
#include "reference.h"

namespace cobra::testing {

/// `size` values at a deliberately odd offset, with canaries before and after that the destructor checks.
template <typename T>
class Guarded {
 public:
  explicit Guarded(int64_t size)
      : bytes_(2 * kGuard + 1 * sizeof(T) + static_cast<size_t>(size) * sizeof(T), kCanary), size_(size) {}
  ~Guarded() {
    for (size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(bytes_[i], kCanary) << "written before the buffer";
      EXPECT_EQ(bytes_[bytes_.size() - 1 - i], kCanary) << "written past the buffer";
    }
  }
  T* data() { return reinterpret_cast<T*>(bytes_.data() + kGuard); }
  std::vector<T> values() { return {data(), data() + size_}; }

 private:
  static constexpr size_t kGuard = 68;  // a multiple of 4 but not of 8: vectors are misaligned
  static constexpr unsigned char kCanary = 0xA5;
  std::vector<unsigned char> bytes_;
  int64_t size_;
};

inline std::vector<float> random_values(int64_t n, uint32_t seed, float scale = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

/// A random matrix in ggml's blocks.
inline std::vector<std::byte> random_blocks(DType type, int64_t rows, int64_t cols, uint32_t seed) {
  const std::vector<float> values = random_values(rows * cols, seed, 0.05f);
  const int64_t bytes = row_bytes(type, cols);
  std::vector<std::byte> blocks(static_cast<size_t>(rows * bytes));
  for (int64_t r = 0; r < rows; ++r)
    quantize_row(type, values.data() + r * cols, blocks.data() + r * bytes, cols);
  return blocks;
}

/// A weight matrix with the float32 values it stands for.
struct TestMatrix {
  std::vector<std::byte> blocks;
  PackedMatrix packed;
  WeightMatrix view;
  std::vector<float> values;

  TestMatrix(DType type, int64_t rows, int64_t cols, uint32_t seed = 1, int threads = 1)
      : TestMatrix(type, rows, cols, random_blocks(type, rows, cols, seed), threads) {}
  TestMatrix(DType type, int64_t rows, int64_t cols, std::vector<std::byte> given, int threads = 1)
      : blocks(std::move(given)), values(static_cast<size_t>(rows * cols)) {
    for (int64_t r = 0; r < rows; ++r) {
      dequantize_row(type, blocks.data() + r * row_bytes(type, cols), values.data() + r * cols, cols);
    }
    if (is_quantized(type)) {
      packed = pack_matrix(type, rows, cols, blocks.data(), threads);
      view = packed.view;
    } else {
      view = {type, rows, cols, blocks.data()};
    }
  }
};

/// An MLP of three layers gives the bits of its layers one after the other; of 56 columns, a piece of a chunk
/// and of an AMX tile is left over.
inline void expect_mlp_is_its_layers(const Kernels& kernels, DType type, int64_t M) {
  constexpr int64_t kIn = 256, kWide = 512, kOut = 40;
  const int64_t narrow = is_quantized(type) ? 256 : 56;
  const TestMatrix first(type, narrow, kIn, 1), second(type, kWide, narrow, 2), third(type, kOut, kWide, 3);
  const std::vector<float> x = random_values(M * kIn, 4), bias = random_values(kWide, 5),
                           scale = random_values(kWide, 6), before = random_values(M * kOut, 7);
  const MlpLayer layers[] = {
      {first.view, {.bias = bias.data(), .activation = Activation::gelu}},
      {second.view, {.activation = Activation::quick_gelu, .scale = scale.data()}},
      {third.view, {.bias = bias.data(), .scale = scale.data(), .add_to_output = true}}};
  std::vector<float> y = before, h1(static_cast<size_t>(M * narrow)), h2(static_cast<size_t>(M * kWide)),
                     expected = before;
  const auto rows = [&](std::vector<float>& values) {
    return TensorView<float>(values.data(), M, std::ssize(values) / M);
  };
  const TensorView<const float> input(x.data(), M, kIn);
  kernels.mlp(input, layers, rows(y));
  kernels.linear(input, first.view, rows(h1), layers[0].epilogue);
  kernels.linear(rows(h1), second.view, rows(h2), layers[1].epilogue);
  kernels.linear(rows(h2), third.view, rows(expected), layers[2].epilogue);
  EXPECT_EQ(y, expected) << name(type) << ", rows " << M;
}

/// Names of every table; tests run once for each.
inline std::vector<std::string> all_isas() {
  std::vector<std::string> names;
  for (const KernelTable& table : available_kernels()) names.emplace_back(table.isa);
  return names;
}

}  // namespace cobra::testing
