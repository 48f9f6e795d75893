#include "formats/pickle_lines.h"

#include <charconv>

#include "base/fail.h"

namespace cobra::pickle {
namespace {

template <typename T, typename... Base>
T parse(std::string_view text, std::string_view what, const std::string& place, Base... base) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base...);
  check(error == std::errc() && end == text.data() + text.size(), "{}: '{}' is not {}", place,
        printable(text, 40), what);
  return value;
}

/// The code point of `digits` hexadecimal digits, which are taken off the text.
uint32_t take_hex(std::string_view& text, size_t digits, const std::string& place) {
  const std::string_view hex = text.substr(0, digits);
  check(hex.size() == digits, "{}: an escape is cut short", place);
  text.remove_prefix(digits);
  return parse<uint32_t>(hex, "a hexadecimal number", place, 16);
}

void append_utf8(uint32_t c, std::string& out, const std::string& place) {
  check(c < 0x110000 && (c < 0xd800 || c > 0xdfff), "{}: U+{:04X} is no character", place, c);
  const auto continuation = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += {static_cast<char>(0xc0 | (c >> 6)), continuation(0)};
  } else if (c < 0x10000) {
    out += {static_cast<char>(0xe0 | (c >> 12)), continuation(6), continuation(0)};
  } else {
    out += {static_cast<char>(0xf0 | (c >> 18)), continuation(12), continuation(6), continuation(0)};
  }
}

/// The character of an escape, without its backslash, that Python's repr writes.
char take_escape(std::string_view& text, const std::string& place) {
  check(!text.empty(), "{}: an escape is cut short", place);
  const char kind = text[0];
  text.remove_prefix(1);
  switch (kind) {
    case '\\':
    case '\'':
    case '"':
      return kind;
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'x':
      return static_cast<char>(take_hex(text, 2, place));
    default:
      fail("{}: unknown escape '\\{}'", place, printable({&kind, 1}));
  }
}

}  // namespace

Value line_integer(std::string_view line, const std::string& place) {
  if (line == "00") return false;
  if (line == "01") return true;
  return line_long(line, place);
}

int64_t line_long(std::string_view line, const std::string& place) {
  if (line.ends_with('L')) line.remove_suffix(1);
  return parse<int64_t>(line, "an integer", place);
}

double line_float(std::string_view line, const std::string& place) {
  return parse<double>(line, "a number", place);
}

std::string line_string(std::string_view line, const std::string& place) {
  const bool quoted = line.size() >= 2 && (line[0] == '\'' || line[0] == '"') && line.back() == line[0];
  check(quoted, "{}: a string without quotes", place);
  line = line.substr(1, line.size() - 2);
  std::string out;
  while (!line.empty()) {
    const char c = line[0];
    line.remove_prefix(1);
    out += c == '\\' ? take_escape(line, place) : c;
  }
  return out;
}

std::string line_unicode(std::string_view line, const std::string& place) {
  std::string out;
  while (!line.empty()) {
    const bool escape = line.starts_with("\\u") || line.starts_with("\\U");
    const size_t digits = line.starts_with("\\u") ? 4 : 8;
    const auto byte = static_cast<unsigned char>(line[0]);
    line.remove_prefix(escape ? 2 : 1);
    append_utf8(escape ? take_hex(line, digits, place) : byte, out, place);
  }
  return out;
}

}  // namespace cobra::pickle
