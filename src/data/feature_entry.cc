#include "data/feature_entry.h"

#include <cstring>

#include "base/half.h"

namespace cobra::data {
namespace {

constexpr char kMagic[8] = {'c', 'o', 'b', 'r', 'a', 'f', '1', '\n'};

/// Little-endian, without gaps.
struct Header {
  char magic[8];
  Hash128 key;
  int64_t rows;
  int64_t width;
  int64_t value_bytes;  // 4 for f32, 2 for bf16
  Hash128 checksum;     // of key and values
};
static_assert(sizeof(Header) == 64);

int64_t value_bytes(DType type) { return type == DType::bf16 ? 2 : 4; }

Header make_header(const Hash128& key, const FeatureShape& shape, std::string_view values) {
  Header header{{}, key, shape.rows, shape.width, value_bytes(shape.type), {}};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  Hasher hasher;
  hasher.add(std::as_bytes(std::span(key)));
  hasher.add(values);
  header.checksum = hasher.digest();
  return header;
}

}  // namespace

int64_t entry_bytes(const FeatureShape& shape) {
  return static_cast<int64_t>(sizeof(Header)) + shape.rows * shape.width * value_bytes(shape.type);
}

std::string encode_entry(const Hash128& key, const FeatureShape& shape, std::span<const float> features) {
  std::string bytes(static_cast<size_t>(entry_bytes(shape)), '\0');
  char* out = bytes.data() + sizeof(Header);
  if (shape.type == DType::f32) {
    std::memcpy(out, features.data(), features.size_bytes());
  } else {
    for (size_t i = 0; i < features.size(); ++i) {
      const BFloat16 value = to_bfloat16(features[i]);
      std::memcpy(out + 2 * i, &value, 2);
    }
  }
  const Header header = make_header(key, shape, std::string_view(bytes).substr(sizeof(Header)));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

std::optional<std::vector<float>> decode_entry(std::string_view bytes, const Hash128& key,
                                               const FeatureShape& shape) {
  if (static_cast<int64_t>(bytes.size()) != entry_bytes(shape)) return std::nullopt;
  const std::string_view values = bytes.substr(sizeof(Header));
  const Header expected = make_header(key, shape, values);
  if (std::memcmp(bytes.data(), &expected, sizeof expected) != 0) return std::nullopt;
  std::vector<float> features(static_cast<size_t>(shape.rows * shape.width));
  if (shape.type == DType::f32) {
    std::memcpy(features.data(), values.data(), values.size());
  } else {
    for (size_t i = 0; i < features.size(); ++i) {
      BFloat16 value;
      std::memcpy(&value, values.data() + 2 * i, 2);
      features[i] = to_float(value);
    }
  }
  return features;
}

void round_to_type(DType type, std::span<float> features) {
  if (type != DType::bf16) return;
  for (float& f : features) f = to_float(to_bfloat16(f));
}

}  // namespace cobra::data
