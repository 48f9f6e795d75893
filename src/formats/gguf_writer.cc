// The writing half of gguf.h.
#include <algorithm>
#include <limits>

#include "base/fail.h"
#include "formats/gguf.h"
#include "formats/gguf_layout.h"
#include "formats/tensor_bytes.h"

namespace cobra {
namespace {

using gguf::ValueType;

template <typename T>
void put(AtomicFile& file, T value) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
  file.write(&value, sizeof value);
}

void put_text(AtomicFile& file, const std::string& text) {
  put(file, uint64_t{text.size()});
  file.write(text);
}

template <typename T>
bool fits(int64_t value) {
  return value >= int64_t{std::numeric_limits<T>::min()} && value <= int64_t{std::numeric_limits<T>::max()};
}

/// Writes each kind of GgufValue as its type number and its bytes.
struct ValueWriter {
  AtomicFile& file;

  template <typename T>
  void scalar(ValueType type, T value) const {
    put(file, type);
    put(file, value);
  }

  void array(ValueType type, size_t count) const {
    put(file, ValueType::array);
    put(file, type);
    put(file, uint64_t{count});
  }

  void operator()(int64_t value) const {
    if (fits<uint32_t>(value)) return scalar(ValueType::u32, static_cast<uint32_t>(value));
    if (value >= 0) return scalar(ValueType::u64, static_cast<uint64_t>(value));
    if (fits<int32_t>(value)) return scalar(ValueType::i32, static_cast<int32_t>(value));
    scalar(ValueType::i64, value);
  }

  void operator()(double value) const { scalar(ValueType::f32, static_cast<float>(value)); }

  void operator()(bool value) const { scalar(ValueType::boolean, static_cast<uint8_t>(value)); }

  void operator()(const std::string& value) const {
    put(file, ValueType::string);
    put_text(file, value);
  }

  void operator()(const std::vector<int64_t>& values) const {
    const bool narrow = std::all_of(values.begin(), values.end(), fits<int32_t>);
    array(narrow ? ValueType::i32 : ValueType::i64, values.size());
    for (int64_t value : values) narrow ? put(file, static_cast<int32_t>(value)) : put(file, value);
  }

  void operator()(const std::vector<double>& values) const {
    array(ValueType::f32, values.size());
    for (double value : values) put(file, static_cast<float>(value));
  }

  void operator()(const std::vector<bool>& values) const {
    array(ValueType::boolean, values.size());
    for (bool value : values) put(file, static_cast<uint8_t>(value));
  }

  void operator()(const std::vector<std::string>& values) const {
    array(ValueType::string, values.size());
    for (const std::string& value : values) put_text(file, value);
  }
};

void put_zeros(AtomicFile& file, int64_t count) { file.write(std::string(static_cast<size_t>(count), '\0')); }

void check_name(const std::string& name, const std::string& path) {
  check(!name.empty() && name.size() <= gguf::kMaxNameBytes, "{}: name '{}' has {} bytes, expected 1 to {}",
        path, printable(name), name.size(), gguf::kMaxNameBytes);
}

uint32_t type_number(DType type, const std::string& what) {
  for (const auto& [known, number] : gguf::kTensorTypes) {
    if (known == type) return number;
  }
  fail("{}: type {} cannot be written as GGUF", what, name(type));
}

}  // namespace

GgufWriter::GgufWriter(std::string path) : file_(path), path_(std::move(path)) {}

void GgufWriter::set(const std::string& key, GgufValue value) {
  check(!header_written_, "{}: key '{}' set after the header was written", path_, printable(key));
  check_name(key, path_);
  check(keys_.insert(key).second, "{}: key '{}' set twice", path_, printable(key));
  if (key == gguf::kAlignmentKey) {
    const auto* alignment = std::get_if<int64_t>(&value);
    check(alignment && gguf::is_alignment(*alignment) && *alignment <= kMaxAlignment,
          "{}: {} must be a power of two up to {}", path_, key, kMaxAlignment);
    alignment_ = *alignment;
  }
  metadata_.emplace_back(key, std::move(value));
}

void GgufWriter::declare(const std::string& name, DType type, const std::vector<int64_t>& shape) {
  const std::string what = fmt::format("{}: tensor '{}'", path_, printable(name));
  check(!header_written_, "{}: declared after the header was written", what);
  check_name(name, path_);
  check(shape.size() <= gguf::kMaxDimensions, "{}: shape {} has more than {} dimensions", what,
        to_string(shape), gguf::kMaxDimensions);
  type_number(type, what);
  tensor_bytes(type, shape, what);
  check(names_.insert(name).second, "{}: declared twice", what);
  tensors_.push_back({name, type, shape, {}});
}

void GgufWriter::write_header() {
  file_.write(gguf::kMagic);
  put(file_, gguf::kVersion);
  put(file_, uint64_t{tensors_.size()});
  put(file_, uint64_t{metadata_.size()});
  for (const auto& [key, value] : metadata_) {
    put_text(file_, key);
    std::visit(ValueWriter{file_}, value);
  }
  int64_t offset = 0;
  for (const TensorEntry& tensor : tensors_) {
    put_text(file_, tensor.name);
    put(file_, static_cast<uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size)
      put(file_, static_cast<uint64_t>(*size));
    put(file_, type_number(tensor.type, path_));
    put(file_, static_cast<uint64_t>(offset));
    offset = checked_add(offset, tensor_bytes(tensor.type, tensor.shape, path_), path_);
    offset = checked_add(offset, gguf::padding(offset, alignment_), path_);
  }
  put_zeros(file_, gguf::padding(file_.position(), alignment_));
  header_written_ = true;
}

void GgufWriter::write_tensor(std::span<const std::byte> bytes) {
  check(next_ < tensors_.size(), "{}: more tensors written than the {} declared", path_, tensors_.size());
  const TensorEntry& tensor = tensors_[next_];
  const std::string what = fmt::format("{}: tensor '{}'", path_, printable(tensor.name));
  const int64_t expected = tensor_bytes(tensor.type, tensor.shape, what);
  check(static_cast<int64_t>(bytes.size()) == expected, "{}: expected {} bytes for {} {}, found {}", what,
        expected, name(tensor.type), to_string(tensor.shape), bytes.size());
  if (!header_written_) write_header();
  file_.write(bytes.data(), expected);
  put_zeros(file_, gguf::padding(file_.position(), alignment_));
  ++next_;
}

void GgufWriter::finish() {
  check(!finished_, "{}: finished twice", path_);
  if (next_ < tensors_.size()) {
    fail("{}: {} of {} declared tensors were written; the next is '{}'", path_, next_, tensors_.size(),
         printable(tensors_[next_].name));
  }
  if (!header_written_) write_header();
  file_.commit();
  finished_ = true;
}

}  // namespace cobra
