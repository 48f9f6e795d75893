// Hashes of content, for keys and checksums: XXH3, fast but not made against forgers. A keyed one for tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cobra {

using Hash128 = std::array<uint8_t, 16>;

/// Of all bytes handed in, however they are cut.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void add(std::span<const std::byte> bytes);
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  Hash128 digest() const;

 private:
  struct State;
  State* state_;
};

Hash128 content_hash(std::span<const std::byte> bytes);
/// For hash tables whose keys a file may choose: its bits depend on a key that each process draws anew, so
/// that no file can know which keys collide. Never to be written anywhere.
uint64_t keyed_hash(std::string_view bytes);

/// 32 hexadecimal digits.
std::string to_hex(const Hash128& hash);

/// The digits of the content_hash of a file. Throws Error naming it when it cannot be read.
std::string hash_of_file(const std::string& path);

}  // namespace cobra
