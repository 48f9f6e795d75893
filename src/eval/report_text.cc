#include "eval/report_text.h"

#include <fmt/format.h>

#include <cmath>

namespace cobra::eval {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

/// Valid UTF-8, whatever came in.
std::string valid_utf8(std::string_view text) {
  const std::string quoted = Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(quoted).get<std::string>();
}

/// "[0.43, 1]": with spaces, at which a line may break.
std::string list_words(const Json& list) {
  std::string text;
  for (const Json& item : list) {
    text += (text.empty() ? "" : ", ") + item.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return "[" + text + "]";
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '\n':
      case '\t':
        out += c;
        break;
      case '\r':
        break;
      default:
        out += is_control(c) ? kReplacement : std::string(1, c);
    }
  }
  return out;
}

std::string escape_markdown(std::string_view text) {
  constexpr std::string_view kMarkup = "\\`*_{}[]<>()#+!|~$&:@=^\"";
  std::string out;
  for (const char c : valid_utf8(text)) {
    if (c == '\n' || c == '\t' || c == '\r') {
      out += ' ';
    } else if (is_control(c)) {
      out += kReplacement;
    } else {
      if (kMarkup.find(c) != kMarkup.npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string shorten(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) --max_bytes;
  return std::string(text.substr(0, max_bytes)) + "…";
}

std::string report_number(double value, int digits) {
  return std::isnan(value) ? "–" : fmt::format("{:.{}f}", value, digits);
}

std::string json_words(const Json& value) {
  if (value.is_null()) return "–";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return report_number(value.get<double>(), 4);
  if (value.is_array()) return list_words(value);
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cobra::eval
