#include "formats/tensor_file.h"

#include <cstring>

#include "base/fail.h"
#include "base/half.h"
#include "formats/tensor_bytes.h"

namespace cobra {
namespace {

/// Containers do not promise that a tensor starts at a multiple of its element size, hence memcpy.
template <typename Stored>
Stored load(const std::byte* from) {
  Stored value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename Stored, typename Convert>
std::vector<float> convert(std::span<const std::byte> bytes, Convert to_float32) {
  std::vector<float> values(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = to_float32(load<Stored>(bytes.data() + i * sizeof(Stored)));
  }
  return values;
}

template <typename Stored>
std::vector<float> convert(std::span<const std::byte> bytes) {
  return convert<Stored>(bytes, [](Stored v) { return static_cast<float>(v); });
}

}  // namespace

int64_t TensorEntry::elements() const {
  int64_t count = 1;
  for (int64_t size : shape) count = checked_mul(count, size, name);
  return count;
}

std::string to_string(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

int64_t tensor_bytes(DType type, const std::vector<int64_t>& shape, std::string_view what) {
  check(shape.size() <= kMaxRank, "{}: {} dimensions, at most {} are possible", what, shape.size(), kMaxRank);
  const int64_t cols = shape.empty() ? 1 : shape.back();
  const int block_size = traits(type).block_size;
  check(cols >= 0, "{}: negative dimension in shape {}", what, to_string(shape));
  check(cols % block_size == 0,
        "{}: shape {} cannot be stored as {}: the last dimension must be a multiple of {}", what,
        to_string(shape), name(type), block_size);
  int64_t bytes = checked_mul(cols / block_size, traits(type).block_bytes, what);
  for (size_t i = 0; i + 1 < shape.size(); ++i) bytes = checked_mul(bytes, shape[i], what);
  return bytes;
}

std::vector<float> to_float32(const TensorEntry& tensor, const std::string& file) {
  const std::string what = fmt::format("{}: tensor '{}'", file, printable(tensor.name));
  check(!is_quantized(tensor.type), "{}: expected plain numbers, found type {}", what, name(tensor.type));
  const int64_t expected = tensor_bytes(tensor.type, tensor.shape, what);
  check(static_cast<int64_t>(tensor.bytes.size()) == expected, "{}: expected {} bytes for {} {}, found {}",
        what, expected, name(tensor.type), to_string(tensor.shape), tensor.bytes.size());
  switch (tensor.type) {
    case DType::f32:
      return convert<float>(tensor.bytes);
    case DType::f64:
      return convert<double>(tensor.bytes);
    case DType::f16:
      return convert<Float16>(tensor.bytes, [](Float16 v) { return to_float(v); });
    case DType::bf16:
      return convert<BFloat16>(tensor.bytes, [](BFloat16 v) { return to_float(v); });
    case DType::i64:
      return convert<int64_t>(tensor.bytes);
    case DType::i32:
      return convert<int32_t>(tensor.bytes);
    case DType::i16:
      return convert<int16_t>(tensor.bytes);
    case DType::i8:
      return convert<int8_t>(tensor.bytes);
    case DType::u8:
      return convert<uint8_t>(tensor.bytes);
    case DType::boolean:
      return convert<uint8_t>(tensor.bytes, [](uint8_t v) { return v ? 1.0f : 0.0f; });
    default:
      fail("{}: type {} has no conversion to float32", what, name(tensor.type));
  }
}

}  // namespace cobra
