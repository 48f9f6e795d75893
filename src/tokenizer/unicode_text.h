// What the tokenizer and the benchmarks' scorers need of Unicode: UTF-8 with Python's and Rust's treatment of
// invalid bytes, NFC, Python's strip, split and lower. ICU does the work; this header keeps its types out of
// the other files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cobra {

/// The code point at `position` (< text.size()), which moves behind it. An ill-formed sequence gives U+FFFD
/// for each maximal subpart, as Python's errors="replace", Rust's from_utf8_lossy and the WHATWG decoder do.
char32_t next_code_point(std::string_view text, size_t& position);

void append_utf8(char32_t code_point, std::string& out);

/// `text` with every ill-formed sequence replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

/// Bytes at the end of `text` (0 to 3) that begin a character and could be completed by more bytes.
size_t incomplete_suffix(std::string_view text);

/// Normalisation form C of valid UTF-8 by the rules of Unicode 9.0, as the tokenizers library has it (see
/// nfc.cc). Linear in the text, also for long runs of combining marks. Throws Error for texts of 512 MiB and
/// more.
std::string to_nfc(std::string_view text);

/// Python's str.strip() and str.rstrip(): white space is what str.isspace() says, which is Unicode's
/// White_Space and also U+001C..U+001F.
std::string_view python_strip(std::string_view text);
std::string_view python_rstrip(std::string_view text);

/// Python's str.split() without arguments: the runs of characters that are no white space.
std::vector<std::string_view> python_split(std::string_view text);
/// Python's str.lower().
std::string python_lower(std::string_view text);
/// What \d matches in a Python regular expression: decimal digits of any script.
bool is_decimal_digit(char32_t code_point);

/// `text` with every `from` (not empty) replaced by `to`, left to right, without looking at replaced text
/// again.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace cobra
