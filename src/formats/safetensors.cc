#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/fail.h"
#include "formats/byte_reader.h"
#include "formats/json.h"
#include "formats/tensor_bytes.h"

namespace cobra {
namespace {

constexpr int64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
constexpr int64_t kHeaderAlignment = 8;
constexpr std::string_view kMetadataKey = "__metadata__";

constexpr std::array<std::pair<std::string_view, DType>, 10> kTypes = {{{"F32", DType::f32},
                                                                        {"F16", DType::f16},
                                                                        {"BF16", DType::bf16},
                                                                        {"F64", DType::f64},
                                                                        {"I64", DType::i64},
                                                                        {"I32", DType::i32},
                                                                        {"I16", DType::i16},
                                                                        {"I8", DType::i8},
                                                                        {"U8", DType::u8},
                                                                        {"BOOL", DType::boolean}}};

DType type_from(const Json& info, const std::string& what) {
  const std::string text = json_text(info, "dtype", what);
  for (const auto& [word, type] : kTypes) {
    if (word == text) return type;
  }
  fail("{}: dtype '{}' is not supported: expected F32 F16 BF16 F64 I64 I32 I16 I8 U8 BOOL", what,
       printable(text));
}

std::string_view word_for(DType type, const std::string& what) {
  for (const auto& [word, known] : kTypes) {
    if (known == type) return word;
  }
  fail("{}: type {} cannot be written as safetensors", what, name(type));
}

/// An array of sizes, none negative.
std::vector<int64_t> sizes_from(const Json& info, std::string_view field, size_t max_count,
                                const std::string& what) {
  const Json* array = json_find(info, field);
  check(array && array->is_array(), "{}: field '{}' must be an array of integers", what, field);
  check(array->size() <= max_count, "{}: field '{}' has {} values, at most {} are possible", what, field,
        array->size(), max_count);
  std::vector<int64_t> sizes;
  for (const Json& item : *array) {
    check(item.is_number_unsigned() && item.get<uint64_t>() <= uint64_t{INT64_MAX},
          "{}: field '{}' must hold sizes, found {}", what, field, printable(item.dump()));
    sizes.push_back(item.get<int64_t>());
  }
  return sizes;
}

TensorEntry entry_from(const std::string& name, const Json& info, std::span<const std::byte> data,
                       const std::string& path) {
  const std::string what = fmt::format("{}: tensor '{}'", path, printable(name));
  TensorEntry entry{name, type_from(info, what), sizes_from(info, "shape", kMaxRank, what), {}};
  const std::vector<int64_t> offsets = sizes_from(info, "data_offsets", 2, what);
  check(offsets.size() == 2 && offsets[0] <= offsets[1] && offsets[1] <= static_cast<int64_t>(data.size()),
        "{}: data_offsets {} do not lie in order within the {} bytes of data", what, to_string(offsets),
        data.size());
  const int64_t expected = tensor_bytes(entry.type, entry.shape, what);
  check(offsets[1] - offsets[0] == expected, "{}: {} {} takes {} bytes, but data_offsets give {}", what,
        cobra::name(entry.type), to_string(entry.shape), expected, offsets[1] - offsets[0]);
  entry.bytes = data.subspan(static_cast<size_t>(offsets[0]), static_cast<size_t>(expected));
  return entry;
}

std::map<std::string, std::string> metadata_from(const Json& object, const std::string& path) {
  check(object.is_object(), "{}: '{}' must be an object of strings", path, kMetadataKey);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : object.items()) {
    check(value.is_string(), "{}: '{}' entry '{}' must be a string", path, kMetadataKey, printable(key));
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

/// A gap or an overlap could hide bytes or make two readers disagree, so the format forbids both.
void check_tiling(const std::vector<TensorEntry>& sorted, std::span<const std::byte> data,
                  const std::string& path) {
  const std::byte* next = data.data();
  for (const TensorEntry& tensor : sorted) {
    check(tensor.bytes.data() == next,
          "{}: tensor '{}' starts at data byte {}, expected {} (overlap or hole)", path,
          printable(tensor.name), tensor.bytes.data() - data.data(), next - data.data());
    next += tensor.bytes.size();
  }
  check(next == data.data() + data.size(),
        "{}: the tensors end at data byte {}, expected {} (truncated or extra bytes)", path,
        next - data.data(), data.size());
}

std::string quoted(const std::string& text, const std::string& path) {
  try {
    return Json(text).dump();
  } catch (const Json::exception&) {
    fail("{}: '{}' is not valid UTF-8", path, printable(text));
  }
}

std::string header_for(const std::string& path, const std::vector<TensorEntry>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> fields;
  if (!metadata.empty()) {
    std::vector<std::string> items;
    for (const auto& [key, value] : metadata) items.push_back(quoted(key, path) + ":" + quoted(value, path));
    fields.push_back(fmt::format("\"{}\":{{{}}}", kMetadataKey, fmt::join(items, ",")));
  }
  int64_t offset = 0;
  for (const TensorEntry& tensor : tensors) {
    const std::string what = fmt::format("{}: tensor '{}'", path, printable(tensor.name));
    const int64_t bytes = tensor_bytes(tensor.type, tensor.shape, what);
    check(static_cast<int64_t>(tensor.bytes.size()) == bytes, "{}: expected {} bytes for {}, found {}", what,
          bytes, to_string(tensor.shape), tensor.bytes.size());
    fields.push_back(fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                                 quoted(tensor.name, path), word_for(tensor.type, what),
                                 fmt::join(tensor.shape, ","), offset, offset + bytes));
    offset = checked_add(offset, bytes, what);
  }
  std::string header = fmt::format("{{{}}}", fmt::join(fields, ","));
  header.resize((header.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  return header;
}

void check_names_differ(const std::string& path, const std::vector<TensorEntry>& tensors) {
  std::vector<std::string_view> names{kMetadataKey};
  for (const TensorEntry& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end()) fail("{}: tensor name '{}' is taken", path, printable(*twin));
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::string& path) : map_(path) {
  ByteReader reader(map_.bytes(), path);
  const auto header_bytes = reader.read<uint64_t>("the header length");
  check(header_bytes <= uint64_t{kMaxHeaderBytes},
        "{}: not a safetensors file: header length {} is above the limit of {}", path, header_bytes,
        kMaxHeaderBytes);
  const std::string_view text = reader.text(header_bytes, "the header");
  check(text.starts_with('{'), "{}: the header must start with '{{'", path);
  const Json header = parse_json(text, path);
  const std::span<const std::byte> data = map_.bytes().subspan(static_cast<size_t>(reader.position()));
  for (const auto& [name, info] : header.items()) {
    if (name == kMetadataKey) {
      metadata_ = metadata_from(info, path);
    } else {
      tensors_.push_back(entry_from(name, info, data, path));
    }
  }
  std::stable_sort(tensors_.begin(), tensors_.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  check_tiling(tensors_, data, path);
  for (size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
}

const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

void write_safetensors(AtomicFile& file, const std::vector<TensorEntry>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string& path = file.path();
  check_names_differ(path, tensors);
  const std::string header = header_for(path, tensors, metadata);
  check(static_cast<int64_t>(header.size()) <= kMaxHeaderBytes,
        "{}: a header of {} bytes is above the limit of {}", path, header.size(), kMaxHeaderBytes);
  const uint64_t header_bytes = header.size();
  file.write(&header_bytes, sizeof header_bytes);
  file.write(header);
  for (const TensorEntry& tensor : tensors)
    file.write(tensor.bytes.data(), static_cast<int64_t>(tensor.bytes.size()));
}

void write_safetensors(const std::string& path, const std::vector<TensorEntry>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  AtomicFile file(path);
  write_safetensors(file, tensors, metadata);
  file.commit();
}

}  // namespace cobra
