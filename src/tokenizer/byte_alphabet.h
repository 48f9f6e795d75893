// GPT-2's byte-to-unicode alphabet: byte-level BPE spells each byte as one printable character, so that
// tokens are text. Source: encoder.py of openai/gpt-2. The 188 bytes "!".."~", U+00A1..U+00AC, U+00AE..U+00FF
// stand for themselves; the other 68, in ascending order, are U+0100 and up (so a space is U+0120).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cobra {

/// The character that stands for `byte`, in UTF-8.
std::string_view spelling_of_byte(uint8_t byte);

/// Whether every character of `token` stands for a byte.
bool is_byte_spelling(std::string_view token);

/// The bytes that `token` stands for. A token with a character outside the alphabet is taken literally, as a
/// whole: so Hugging Face's ByteLevel decoder treats added tokens, whose text is not spelled.
std::string bytes_of_token(std::string_view token);

/// Whether `byte` occurs in any UTF-8 text (0xc0, 0xc1 and 0xf5..0xff do not; GPT-NeoX has no tokens for
/// these 13).
constexpr bool occurs_in_utf8(uint8_t byte) { return byte < 0xc0 || (byte > 0xc1 && byte < 0xf5); }

}  // namespace cobra
