#include "tokenizer/unicode_text.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>

namespace cobra {
namespace {

bool is_python_space(char32_t c) {
  return u_isUWhiteSpace(static_cast<UChar32>(c)) || (c >= 0x1c && c <= 0x1f);
}

/// The code point, or -1 where the bytes are ill-formed.
UChar32 next_or_error(std::string_view text, size_t& position) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  UChar32 c = 0;
  U8_NEXT(bytes, position, text.size(), c);
  return c;
}

}  // namespace

char32_t next_code_point(std::string_view text, size_t& position) {
  const UChar32 c = next_or_error(text, position);
  return c < 0 ? U'\ufffd' : static_cast<char32_t>(c);
}

void append_utf8(char32_t code_point, std::string& out) {
  char bytes[U8_MAX_LENGTH];
  int length = 0;
  U8_APPEND_UNSAFE(bytes, length, static_cast<UChar32>(code_point));
  out.append(bytes, static_cast<size_t>(length));
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (next_or_error(text, at) < 0) {
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(begin, at - begin);
    }
  }
  return out;
}

size_t incomplete_suffix(std::string_view text) {
  const size_t longest = text.size() < 3 ? text.size() : 3;
  for (size_t length = longest; length > 0; --length) {
    const std::string_view suffix = text.substr(text.size() - length);
    const auto lead = static_cast<unsigned char>(suffix[0]);
    size_t at = 0;
    // ICU consumes as many bytes as begin some character; reaching the end means only that more are missing.
    if (lead >= 0xc2 && lead <= 0xf4 && next_or_error(suffix, at) < 0 && at == length) return length;
  }
  return 0;
}

std::string_view python_rstrip(std::string_view text) {
  size_t end = 0;  // behind the last character that is not white space
  for (size_t at = 0; at < text.size();) {
    if (!is_python_space(next_code_point(text, at))) end = at;
  }
  return text.substr(0, end);
}

std::string_view python_strip(std::string_view text) {
  size_t begin = 0;
  for (size_t at = 0; at < text.size() && is_python_space(next_code_point(text, at));) begin = at;
  return python_rstrip(text.substr(begin));
}

std::vector<std::string_view> python_split(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;  // of the word at hand
  for (size_t at = 0; at < text.size();) {
    const size_t here = at;
    if (!is_python_space(next_code_point(text, at))) continue;
    if (here > begin) words.push_back(text.substr(begin, here - begin));
    begin = at;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

std::string python_lower(std::string_view text) {
  std::string lower(text);
  if (std::none_of(text.begin(), text.end(), [](char c) { return c & 0x80; })) {
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    return lower;
  }
  lower.clear();
  icu::UnicodeString::fromUTF8({text.data(), static_cast<int32_t>(text.size())})
      .toLower(icu::Locale::getRoot())
      .toUTF8String(lower);
  return lower;
}

bool is_decimal_digit(char32_t code_point) { return u_isdigit(static_cast<UChar32>(code_point)); }

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (;;) {
    const size_t found = text.find(from);
    out += text.substr(0, found);
    if (found == std::string_view::npos) return out;
    out += to;
    text.remove_prefix(found + from.size());
  }
}

}  // namespace cobra
