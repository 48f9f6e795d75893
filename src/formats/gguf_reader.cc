// The reading half of gguf.h; typed access to its metadata is in gguf_metadata.cc.
#include <algorithm>

#include "base/fail.h"
#include "formats/byte_reader.h"
#include "formats/gguf.h"
#include "formats/gguf_layout.h"
#include "formats/tensor_bytes.h"

namespace cobra {
namespace {

using gguf::ValueType;

// Bounds what a hostile header can make us allocate (values take up to eight times their bytes); the largest
// real headers, of 256,000-word vocabularies, are near 10 MiB.
constexpr int64_t kMaxHeaderBytes = 64 << 20;

// The smallest possible entries: a bound on the counts that the file gives.
constexpr int64_t kMinKeyValueBytes = 8 + 4 + 1;
constexpr int64_t kMinTensorBytes = 8 + 4 + 4 + 8;

std::span<const std::byte> header_part(const MappedFile& map) {
  return map.bytes().first(std::min<size_t>(map.bytes().size(), kMaxHeaderBytes));
}

std::string header_source(const MappedFile& map) {
  const bool cut = static_cast<int64_t>(map.bytes().size()) > kMaxHeaderBytes;
  return cut ? fmt::format("{} (header, at most {} MiB)", map.path(), kMaxHeaderBytes >> 20) : map.path();
}

class HeaderReader {
 public:
  explicit HeaderReader(const MappedFile& map) : in_(header_part(map), header_source(map)) {}

  ByteReader& in() { return in_; }

  uint64_t count(std::string_view what, int64_t min_bytes_each) {
    const auto n = in_.read<uint64_t>(what);
    check(n <= static_cast<uint64_t>(in_.remaining() / min_bytes_each),
          "{}: {} is {}, more than the file can hold", in_.source(), what, n);
    return n;
  }

  std::string name(std::string_view what) {
    const auto length = in_.read<uint64_t>(what);
    check(length > 0 && length <= gguf::kMaxNameBytes, "{}: {} of {} bytes, expected 1 to {}", in_.source(),
          what, length, gguf::kMaxNameBytes);
    return std::string(in_.text(length, what));
  }

  GgufValue value(const std::string& key) {
    const std::string what = fmt::format("value of key '{}'", printable(key));
    const auto type = ValueType{in_.read<uint32_t>(what)};
    switch (type) {
      case ValueType::string:
        return string(what);
      case ValueType::boolean:
        return boolean(what);
      case ValueType::f32:
      case ValueType::f64:
        return number(type, what);
      case ValueType::array:
        return array(what);
      default:
        return integer(type, what);
    }
  }

 private:
  ByteReader in_;

  std::string string(std::string_view what) {
    const auto length = in_.read<uint64_t>(what);
    return std::string(in_.text(length, what));
  }

  bool boolean(std::string_view what) {
    const auto byte = in_.read<uint8_t>(what);
    check(byte <= 1, "{}: {}: a boolean must be 0 or 1, found {}", in_.source(), what, byte);
    return byte == 1;
  }

  double number(ValueType type, std::string_view what) {
    return type == ValueType::f32 ? double{in_.read<float>(what)} : in_.read<double>(what);
  }

  int64_t integer(ValueType type, std::string_view what) {
    switch (type) {
      case ValueType::u8:
        return in_.read<uint8_t>(what);
      case ValueType::i8:
        return in_.read<int8_t>(what);
      case ValueType::u16:
        return in_.read<uint16_t>(what);
      case ValueType::i16:
        return in_.read<int16_t>(what);
      case ValueType::u32:
        return in_.read<uint32_t>(what);
      case ValueType::i32:
        return in_.read<int32_t>(what);
      case ValueType::i64:
        return in_.read<int64_t>(what);
      case ValueType::u64: {
        const auto value = in_.read<uint64_t>(what);
        check(value <= uint64_t{INT64_MAX}, "{}: {}: {} is above the largest 64-bit signed integer",
              in_.source(), what, value);
        return static_cast<int64_t>(value);
      }
      default:
        fail("{}: {}: unknown value type {}", in_.source(), what, static_cast<uint32_t>(type));
    }
  }

  template <typename T, typename ReadOne>
  std::vector<T> items(std::string_view what, int64_t min_bytes_each, ReadOne read_one) {
    const uint64_t n = count(fmt::format("length of the {}", what), min_bytes_each);
    std::vector<T> values;
    values.reserve(n);
    for (uint64_t i = 0; i < n; ++i) values.push_back(read_one());
    return values;
  }

  GgufValue array(std::string_view what) {
    const auto type = ValueType{in_.read<uint32_t>(what)};
    switch (type) {
      case ValueType::string:
        return items<std::string>(what, 8, [&] { return string(what); });
      case ValueType::boolean:
        return items<bool>(what, 1, [&] { return boolean(what); });
      case ValueType::f32:
      case ValueType::f64:
        return items<double>(what, 4, [&] { return number(type, what); });
      case ValueType::array:
        fail("{}: {}: arrays within arrays are not supported", in_.source(), what);
      default:
        break;
    }
    check(static_cast<uint32_t>(type) <= static_cast<uint32_t>(ValueType::f64),
          "{}: {}: unknown item type {}", in_.source(), what, static_cast<uint32_t>(type));
    return items<int64_t>(what, 1, [&] { return integer(type, what); });
  }
};

DType tensor_type(uint32_t number, const std::string& what) {
  for (const auto& [type, known] : gguf::kTensorTypes) {
    if (known == number) return type;
  }
  fail("{}: ggml type number {} is not supported: expected f32 f16 bf16 q8_0 q4_0 q4_k q5_k or q6_k", what,
       number);
}

std::vector<int64_t> tensor_shape(ByteReader& in, const std::string& what) {
  const auto dimensions = in.read<uint32_t>(what);
  check(dimensions <= gguf::kMaxDimensions, "{}: {} dimensions, at most {} are possible", what, dimensions,
        gguf::kMaxDimensions);
  std::vector<int64_t> shape(dimensions);
  for (size_t i = dimensions; i-- > 0;) {  // the file's order is innermost first
    const auto size = in.read<uint64_t>(what);
    check(size <= uint64_t{INT64_MAX}, "{}: dimension {} is out of range", what, size);
    shape[i] = static_cast<int64_t>(size);
  }
  return shape;
}

/// A tensor as the header tells it; its bytes are bound when the header's end is known.
struct TensorInfo {
  TensorEntry entry;
  uint64_t offset;
};

TensorInfo tensor_info(HeaderReader& header, const std::string& path) {
  TensorInfo info;
  info.entry.name = header.name("tensor name");
  const std::string what = fmt::format("{}: tensor '{}'", path, printable(info.entry.name));
  info.entry.shape = tensor_shape(header.in(), what);
  info.entry.type = tensor_type(header.in().read<uint32_t>(what), what);
  info.offset = header.in().read<uint64_t>(what);
  return info;
}

void bind_bytes(TensorInfo& info, std::span<const std::byte> data, int64_t alignment,
                const std::string& path) {
  const std::string what = fmt::format("{}: tensor '{}'", path, printable(info.entry.name));
  const int64_t bytes = tensor_bytes(info.entry.type, info.entry.shape, what);
  check(info.offset % static_cast<uint64_t>(alignment) == 0,
        "{}: offset {} is not a multiple of the alignment {}", what, info.offset, alignment);
  check(info.offset <= data.size() && static_cast<uint64_t>(bytes) <= data.size() - info.offset,
        "{}: {} bytes at data offset {} do not lie within the {} bytes of data", what, bytes, info.offset,
        data.size());
  info.entry.bytes = data.subspan(info.offset, static_cast<size_t>(bytes));
}

/// Two tensors of the same bytes: one of them is not what its writer meant. Holes are allowed, and so is a
/// tensor without bytes wherever it stands.
void check_apart(const std::vector<TensorEntry>& tensors, const std::byte* data, const std::string& path) {
  std::vector<const TensorEntry*> sorted;
  for (const TensorEntry& tensor : tensors) {
    if (!tensor.bytes.empty()) sorted.push_back(&tensor);
  }
  std::ranges::sort(sorted, {}, [](const TensorEntry* tensor) { return tensor->bytes.data(); });
  for (size_t i = 1; i < sorted.size(); ++i) {
    const TensorEntry &before = *sorted[i - 1], &tensor = *sorted[i];
    check(before.bytes.data() + before.bytes.size() <= tensor.bytes.data(),
          "{}: tensor '{}' starts at data byte {}, expected {} or more, where tensor '{}' ends", path,
          printable(tensor.name), tensor.bytes.data() - data,
          before.bytes.data() + before.bytes.size() - data, printable(before.name));
  }
}

}  // namespace

GgufFile::GgufFile(const std::string& path) : map_(path) {
  HeaderReader header(map_);
  ByteReader& in = header.in();
  const std::string_view magic = in.text(gguf::kMagic.size(), "the magic");
  check(magic == gguf::kMagic, "{}: not a GGUF file: expected magic 'GGUF', found '{}'", path,
        printable(magic));
  const auto version = in.read<uint32_t>("the version");
  check(version == gguf::kVersion, "{}: expected GGUF version {}, found {}", path, gguf::kVersion, version);
  const uint64_t tensor_count = header.count("tensor count", kMinTensorBytes);
  const uint64_t key_count = header.count("key count", kMinKeyValueBytes);

  for (uint64_t i = 0; i < key_count; ++i) {
    std::string key = header.name("key");
    GgufValue value = header.value(key);
    const auto [place, is_new] = metadata_.emplace(std::move(key), std::move(value));
    check(is_new, "{}: key '{}' appears twice", path, printable(place->first));
  }
  const int64_t alignment = integer(gguf::kAlignmentKey, gguf::kDefaultAlignment);
  check(gguf::is_alignment(alignment), "{}: {} must be a power of two, found {}", path, gguf::kAlignmentKey,
        alignment);

  std::vector<TensorInfo> infos;
  for (uint64_t i = 0; i < tensor_count; ++i) infos.push_back(tensor_info(header, path));

  // A file without tensors may end right after its header, before the padding.
  const int64_t header_end = in.position();
  const int64_t data_start = checked_add(header_end, gguf::padding(header_end, alignment), path);
  const auto skipped = static_cast<size_t>(std::min(data_start, file_bytes()));
  for (TensorInfo& info : infos) {
    bind_bytes(info, map_.bytes().subspan(skipped), alignment, path);
    const bool is_new = index_.emplace(info.entry.name, tensors_.size()).second;
    check(is_new, "{}: tensor '{}' appears twice", path, printable(info.entry.name));
    tensors_.push_back(std::move(info.entry));
  }
  check_apart(tensors_, map_.bytes().data() + skipped, path);
}

const TensorEntry* GgufFile::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace cobra
