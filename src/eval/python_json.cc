#include "eval/python_json.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "tokenizer/unicode_text.h"

namespace cobra::eval {
namespace {

/// repr(float): the fewest digits that read back the same; with an exponent below 1e-4 and from 1e16 on.
std::string float_repr(double value) {
  if (!std::isfinite(value)) return "null";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  const double size = std::abs(value);
  const bool fixed = size >= 1e-4 && size < 1e16;
  char buffer[400];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string text(buffer, end);
  if (fixed && text.find('.') == text.npos) text += ".0";
  return text;
}

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  std::string take() { return std::move(out_); }

  void write(const Json& value) {
    switch (value.type()) {
      case Json::value_t::object:
        return write_items(value.get_ref<const Json::object_t&>(), "{}", [this](const auto& member) {
          write_text(member.first);
          out_ += ": ";
          write(member.second);
        });
      case Json::value_t::array:
        return write_items(value.get_ref<const Json::array_t&>(), "[]",
                           [this](const Json& item) { write(item); });
      case Json::value_t::string:
        return write_text(value.get_ref<const std::string&>());
      case Json::value_t::number_float:
        out_ += float_repr(value.get<double>());
        return;
      default:
        out_ += value.dump();
    }
  }

 private:
  const int indent_;
  int depth_ = 0;
  std::string out_;

  template <typename Items, typename WriteItem>
  void write_items(const Items& items, const char* brackets, WriteItem write_item) {
    out_ += brackets[0];
    ++depth_;
    const char* separator = "";
    for (const auto& item : items) {
      out_ += separator;
      separator = indent_ < 0 ? ", " : ",";
      new_line();
      write_item(item);
    }
    --depth_;
    if (!items.empty()) new_line();
    out_ += brackets[1];
  }

  void new_line() {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(depth_ * indent_), ' ');
  }

  void write_text(const std::string& text) {
    out_ += '"';
    for (size_t at = 0; at < text.size();) write_character(next_code_point(text, at));
    out_ += '"';
  }

  void write_character(char32_t c) {
    static constexpr std::string_view kNamed = "\"\\\n\r\t\f\b";
    static constexpr std::string_view kNames = "\"\\nrtfb";
    const size_t named = c < 0x80 ? kNamed.find(static_cast<char>(c)) : kNamed.npos;
    if (named != kNamed.npos) {
      out_ += '\\';
      out_ += kNames[named];
    } else if (c >= 0x20 && c < 0x7f) {
      out_ += static_cast<char>(c);
    } else if (c >= 0x10000) {  // a surrogate pair
      const auto rest = static_cast<uint32_t>(c - 0x10000);
      out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
    } else if (c == 0x7f) {
      out_ += '\x7f';  // the one control byte that Python leaves as it is
    } else {
      out_ += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    }
  }
};

}  // namespace

std::string python_json(const Json& value, int indent) {
  Writer writer(indent);
  writer.write(value);
  return writer.take();
}

void append_member(Json& object, std::string key, Json value) {
  object.get_ref<Json::object_t&>().emplace_back(std::move(key), std::move(value));
}

}  // namespace cobra::eval
