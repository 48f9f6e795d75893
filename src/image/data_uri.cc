#include "image/data_uri.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/fail.h"

namespace cobra {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoDigit = 64;

constexpr std::array<uint8_t, 256> make_digits() {
  std::array<uint8_t, 256> digits{};
  for (uint8_t& digit : digits) digit = kNoDigit;
  for (size_t i = 0; i < kAlphabet.size(); ++i)
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<uint8_t>(i);
  return digits;
}

constexpr std::array<uint8_t, 256> kDigits = make_digits();

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

std::string_view without_trailing_spaces(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// `payload` without its final "=" signs, of which there may be two, with white space anywhere.
std::string_view without_padding(std::string_view payload) {
  payload = without_trailing_spaces(payload);
  for (int i = 0; i < 2 && !payload.empty() && payload.back() == '='; ++i) {
    payload = without_trailing_spaces(payload.substr(0, payload.size() - 1));
  }
  return payload;
}

std::vector<std::byte> decode_base64(std::string_view payload, int64_t max_bytes) {
  std::vector<std::byte> bytes;
  bytes.reserve(
      static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(payload.size() / 4 * 3 + 3), max_bytes)));
  uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : without_padding(payload)) {
    if (is_space(c)) continue;
    const uint8_t digit = kDigits[static_cast<unsigned char>(c)];
    check(digit != kNoDigit, "data URI: byte 0x{:02x} is not a base64 digit", static_cast<unsigned char>(c));
    bits = bits << 6 | digit;
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    check(static_cast<int64_t>(bytes.size()) < max_bytes, "data URI: more than the limit of {} bytes",
          max_bytes);
    bytes.push_back(static_cast<std::byte>(bits >> bit_count & 0xff));
  }
  check(bit_count != 6, "data URI: the base64 text is cut short, its last group has one digit");
  return bytes;
}

}  // namespace

bool is_data_uri(std::string_view text) { return equals_ignoring_case(text.substr(0, 5), "data:"); }

std::vector<std::byte> decode_data_uri(std::string_view uri, int64_t max_bytes) {
  const size_t comma = uri.find(',');
  check(comma != std::string_view::npos, "data URI: no comma between header and data in \"{}\"",
        printable(uri, 40));
  const std::string_view header = uri.substr(0, comma);
  const size_t semicolon = header.rfind(';');
  const std::string_view encoding = semicolon == std::string_view::npos ? "" : header.substr(semicolon + 1);
  check(equals_ignoring_case(without_trailing_spaces(encoding), "base64"),
        "data URI: expected \";base64\" before the comma, found \"{}\"", printable(header, 40));
  return decode_base64(uri.substr(comma + 1), max_bytes);
}

}  // namespace cobra
