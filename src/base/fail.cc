#include "base/fail.h"

#include <algorithm>
#include <limits>

namespace cobra {

namespace {

/// Bytes of the well-formed UTF-8 character that `text` begins with, 0 if it does not begin with one or that
/// one is a control character: terminals obey those of two bytes, U+0080 to U+009F, as well.
/// (Overlong forms and surrogates are let through: they print as replacement characters and break nothing.)
size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80   ? 1
                        : lead < 0xc2 ? 0
                        : lead < 0xe0 ? 2
                        : lead < 0xf0 ? 3
                        : lead < 0xf5 ? 4
                                      : 0;
  if (length > text.size() || lead < 0x20 || lead == 0x7f) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) return 0;
  return length;
}

}  // namespace

std::string printable(std::string_view text, size_t max_bytes) {
  std::string out;
  size_t i = 0;
  while (i < text.size()) {
    const size_t length = character_bytes(text.substr(i));
    if (i + std::max<size_t>(length, 1) > max_bytes) break;
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
      ++i;
    } else {
      out += text.substr(i, length);
      i += length;
    }
  }
  if (i < text.size()) out += "...";
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (begin > 0) out += '\n';
    out += printable(text.substr(begin, end - begin), std::numeric_limits<size_t>::max());
    begin = end + 1;
  }
  return out;
}

void throw_error(std::string_view message) {
  throw Error(printable(message, std::numeric_limits<size_t>::max()));
}

int64_t checked_mul(int64_t a, int64_t b, std::string_view what) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product))
    fail("{}: size {} x {} is out of range", what, a, b);
  return product;
}

int64_t checked_add(int64_t a, int64_t b, std::string_view what) {
  int64_t sum = 0;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum))
    fail("{}: size {} + {} is out of range", what, a, b);
  return sum;
}

}  // namespace cobra
