// The bytes of one entry of the feature cache: a header, then the values.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/hash.h"

namespace cobra::data {

/// What an entry must be to be taken.
struct FeatureShape {
  int64_t rows;
  int64_t width;
  DType type;  // f32 or bf16
};

/// Size of an entry in bytes.
int64_t entry_bytes(const FeatureShape& shape);
/// `features` has rows * width values.
std::string encode_entry(const Hash128& key, const FeatureShape& shape, std::span<const float> features);
/// std::nullopt unless all of it is as encode_entry made it for this key and shape.
std::optional<std::vector<float>> decode_entry(std::string_view bytes, const Hash128& key,
                                               const FeatureShape& shape);
/// What decode_entry(encode_entry()) gives.
void round_to_type(DType type, std::span<float> features);

}  // namespace cobra::data
