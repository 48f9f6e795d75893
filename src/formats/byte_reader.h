// A cursor over untrusted little-endian bytes: every read is checked and says what it was reading.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/fail.h"

namespace cobra {

static_assert(std::endian::native == std::endian::little,
              "the file formats are read in place: little-endian only");

class ByteReader {
 public:
  /// `source` begins every Error. The bytes must outlive the reader.
  ByteReader(std::span<const std::byte> bytes, std::string source)
      : bytes_(bytes), source_(std::move(source)) {}

  const std::string& source() const { return source_; }
  int64_t position() const { return position_; }
  int64_t remaining() const { return static_cast<int64_t>(bytes_.size()) - position_; }

  /// The next number; `what` names it in the Error.
  template <typename T>
  T read(std::string_view what) {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    T value;
    std::memcpy(&value, take(sizeof(T), what), sizeof(T));
    return value;
  }

  /// The next `count` bytes, in place. A count beyond int64_t's range is as wrong as one beyond the end.
  std::string_view text(uint64_t count, std::string_view what) {
    return {reinterpret_cast<const char*>(take(count, what)), static_cast<size_t>(count)};
  }

  /// All that is left, without moving.
  std::string_view peek() const {
    return {reinterpret_cast<const char*>(bytes_.data()) + position_, static_cast<size_t>(remaining())};
  }

  void seek(int64_t position, std::string_view what) {
    check(position >= 0 && position <= static_cast<int64_t>(bytes_.size()),
          "{}: {} at byte {}, beyond the end at {}", source_, what, position, bytes_.size());
    position_ = position;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string source_;
  int64_t position_ = 0;

  const std::byte* take(uint64_t count, std::string_view what) {
    check(count <= static_cast<uint64_t>(remaining()), "{}: {} needs {} bytes at byte {}, only {} are left",
          source_, what, count, position_, remaining());
    const std::byte* first = bytes_.data() + position_;
    position_ += static_cast<int64_t>(count);
    return first;
  }
};

}  // namespace cobra
