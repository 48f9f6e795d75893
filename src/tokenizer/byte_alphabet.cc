#include "tokenizer/byte_alphabet.h"

#include <array>

#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

constexpr char32_t kAlphabetEnd = 0x100 + 68;

struct Alphabet {
  std::array<std::string, 256> spelling;
  std::array<int16_t, kAlphabetEnd> byte;  // of a character; -1: stands for none

  Alphabet() {
    byte.fill(-1);
    char32_t next_substitute = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool itself = (b >= '!' && b <= '~') || (b >= 0xa1 && b != 0xad);
      const char32_t c = itself ? static_cast<char32_t>(b) : next_substitute++;
      append_utf8(c, spelling[static_cast<size_t>(b)]);
      byte[c] = static_cast<int16_t>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

/// The byte that `c` stands for, or -1.
int byte_of(char32_t c) { return c < kAlphabetEnd ? alphabet().byte[c] : -1; }

}  // namespace

std::string_view spelling_of_byte(uint8_t byte) { return alphabet().spelling[byte]; }

bool is_byte_spelling(std::string_view token) {
  for (size_t at = 0; at < token.size();) {
    if (byte_of(next_code_point(token, at)) < 0) return false;
  }
  return true;
}

std::string bytes_of_token(std::string_view token) {
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const int byte = byte_of(next_code_point(token, at));
    if (byte < 0) return std::string(token);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace cobra
