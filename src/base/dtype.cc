#include "base/dtype.h"

#include <array>

#include "base/fail.h"

namespace cobra {
namespace {

constexpr std::array<DTypeTraits, 15> kTraits = {{
    {DType::f32, "f32", 1, 4},
    {DType::f16, "f16", 1, 2},
    {DType::bf16, "bf16", 1, 2},
    {DType::q8_0, "q8_0", 32, 34},
    {DType::q4_0, "q4_0", 32, 18},
    {DType::q4_k, "q4_k", 256, 144},
    {DType::q5_k, "q5_k", 256, 176},
    {DType::q6_k, "q6_k", 256, 210},
    {DType::f64, "f64", 1, 8},
    {DType::i64, "i64", 1, 8},
    {DType::i32, "i32", 1, 4},
    {DType::i16, "i16", 1, 2},
    {DType::i8, "i8", 1, 1},
    {DType::u8, "u8", 1, 1},
    {DType::boolean, "bool", 1, 1},
}};

}  // namespace

const DTypeTraits& traits(DType type) { return kTraits.at(static_cast<size_t>(type)); }

DType parse_dtype(std::string_view text) {
  for (const DTypeTraits& t : kTraits) {
    if (t.name == text) return t.type;
  }
  fail("unknown type '{}': expected one of f32 f16 bf16 q8_0 q4_0 q4_k q5_k q6_k", printable(text));
}

int64_t row_bytes(DType type, int64_t cols) {
  const DTypeTraits& t = traits(type);
  check(cols >= 0 && cols % t.block_size == 0,
        "a row of {} values cannot be stored as {}: not a multiple of {}", cols, t.name, t.block_size);
  return checked_mul(cols / t.block_size, t.block_bytes, "row of a tensor");
}

}  // namespace cobra
