// What the GGUF reader and writer share: the numbers of the format.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "base/dtype.h"

namespace cobra::gguf {

inline constexpr std::string_view kMagic = "GGUF";
inline constexpr uint32_t kVersion = 3;
inline constexpr int64_t kDefaultAlignment = 32;
inline constexpr size_t kMaxDimensions = 4;
inline constexpr uint64_t kMaxNameBytes =
    1024;  // of keys and tensors: cobra's own bound, readers elsewhere differ
inline constexpr const char* kAlignmentKey = "general.alignment";

enum class ValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12
};

/// ggml's number of each tensor type that cobra reads and writes.
inline constexpr std::array<std::pair<DType, uint32_t>, 13> kTensorTypes = {{{DType::f32, 0},
                                                                             {DType::f16, 1},
                                                                             {DType::q4_0, 2},
                                                                             {DType::q8_0, 8},
                                                                             {DType::q4_k, 12},
                                                                             {DType::q5_k, 13},
                                                                             {DType::q6_k, 14},
                                                                             {DType::i8, 24},
                                                                             {DType::i16, 25},
                                                                             {DType::i32, 26},
                                                                             {DType::i64, 27},
                                                                             {DType::f64, 28},
                                                                             {DType::bf16, 30}}};

inline bool is_alignment(int64_t value) {
  return value > 0 && std::has_single_bit(static_cast<uint64_t>(value));
}

/// `alignment` is a power of two.
inline int64_t padding(int64_t position, int64_t alignment) { return -position & (alignment - 1); }

}  // namespace cobra::gguf
