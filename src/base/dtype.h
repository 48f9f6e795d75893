// Element types of tensors, in memory and in files.
#pragma once

#include <cstdint>
#include <string_view>

namespace cobra {

/// Names as GGUF tools print them. Quantised types store blocks of `block_size` values of one row.
enum class DType : uint8_t {
  f32,
  f16,
  bf16,
  q8_0,
  q4_0,
  q4_k,
  q5_k,
  q6_k,
  f64,
  i64,
  i32,
  i16,
  i8,
  u8,
  boolean
};

struct DTypeTraits {
  DType type;
  std::string_view name;  // "f32", "q8_0", ...
  int block_size;         // values a block (1 for plain types)
  int block_bytes;        // bytes a block
};

const DTypeTraits& traits(DType type);
inline std::string_view name(DType type) { return traits(type).name; }
inline bool is_quantized(DType type) { return traits(type).block_size > 1; }

/// Parses "f32", "q8_0", ...; throws Error listing what is possible.
DType parse_dtype(std::string_view text);

/// Bytes of one row of `cols` values. Throws Error when `cols` is not a multiple of the block size.
int64_t row_bytes(DType type, int64_t cols);

}  // namespace cobra
