// The part of Python's grammar that can give a list of four numbers: a list display of signed numbers, with
// parentheses, comments and line ends wherever Python allows them. Whatever else is valid Python (strings,
// tuples, sums) is no box either, so it need not be told from a syntax error.
#include "eval/python_literal.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace cobra::eval {
namespace {

constexpr int kMaxParentheses = 200;  // Python's own limit

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// Python's rule for underscores: only between digits, or behind the prefix of a base, which has `prefix`
/// characters (0: decimal). Removes them; false where the rule is broken.
bool remove_underscores(std::string& text, size_t prefix) {
  const auto is_neighbour = [&](size_t i) {
    return i < text.size() && text[i] != '_' && (prefix ? is_word(text[i]) : is_digit(text[i]));
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && !(i > 0 && is_neighbour(i - 1) && is_neighbour(i + 1))) return false;
  }
  text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
  return true;
}

/// An integer of base 2, 8 or 16; all above 1 are alike, as no box has them.
std::optional<Json> integer_of_base(const std::string& digits, int base) {
  if (digits.empty()) return std::nullopt;
  int64_t value = 0;
  for (const char c : digits) {
    int digit = 0;
    const auto [end, error] = std::from_chars(&c, &c + 1, digit, base);
    if (error != std::errc()) return std::nullopt;
    value = std::min<int64_t>(2, value * base + digit);
  }
  return Json(value);
}

std::optional<Json> decimal(const std::string& text) {
  if (std::all_of(text.begin(), text.end(), is_digit)) {
    const bool leading_zero = text[0] == '0' && text.find_first_not_of('0') != text.npos;
    if (leading_zero) return std::nullopt;
    return integer_of_base(text, 10);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // from_chars leaves the value; Python takes 0.0 or infinity
    const size_t exponent = text.find_first_of("eE");
    return Json(exponent != text.npos && text[exponent + 1] == '-' ? 0.0 : 2.0);
  }
  return Json(value);
}

std::optional<Json> number(std::string text) {
  const bool prefixed =
      text.size() > 1 && text[0] == '0' && std::string_view("xXoObB").find(text[1]) != std::string_view::npos;
  if (!remove_underscores(text, prefixed ? 2 : 0)) return std::nullopt;
  if (!prefixed) return decimal(text);
  const char kind = static_cast<char>(text[1] | 0x20);
  return integer_of_base(text.substr(2), kind == 'x' ? 16 : kind == 'o' ? 8 : 2);
}

class BoxReader {
 public:
  explicit BoxReader(std::string_view text) : text_(text) {}

  std::optional<Json> read() {
    const size_t first = text_.find_first_not_of(" \t");
    if (first == text_.npos || text_.find('\0') != text_.npos) return std::nullopt;
    text_.remove_prefix(first);
    if (!skip_empty_lines()) return std::nullopt;
    if (!list() || !rest_is_empty()) return std::nullopt;
    return box_;
  }

 private:
  struct Number {
    Json value;
    bool may_take_sign;  // literal_eval takes one sign, and none before True and False
  };

  std::string_view text_;
  Json box_ = Json::array();
  int parentheses_ = 0;
  bool after_line_end_ = false;  // behind the expression

  bool at(char c) const { return !text_.empty() && text_[0] == c; }
  bool at_line_end() const { return at('\n') || at('\r'); }

  bool take(char c) {
    if (!at(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  void skip_comment() {
    if (at('#')) text_.remove_prefix(std::min(text_.find_first_of("\r\n"), text_.size()));
  }

  bool take_continuation() {
    if (!at('\\')) return false;
    const size_t size = text_.substr(1, 2) == "\r\n" ? 3 : 2;
    if (text_.size() < 2 || (text_[1] != '\n' && text_[1] != '\r')) return false;
    text_.remove_prefix(size);
    return true;
  }

  /// Spaces on one line.
  void skip_blanks() {
    while (take(' ') || take('\t') || take('\f') || take_continuation()) {
    }
  }

  /// Inside brackets line ends and comments are space too.
  void skip_space() {
    do {
      skip_blanks();
      skip_comment();
    } while (take('\n') || take('\r'));
  }

  /// Lines before the expression may hold comments only, and the expression must not be indented (a form feed
  /// begins the line anew).
  bool skip_empty_lines() {
    while (true) {
      bool indented = false;
      while (at(' ') || at('\t') || at('\f') || at('\\')) {
        if (!at('\\')) {
          indented = !at('\f');
          text_.remove_prefix(1);
        } else if (!take_continuation()) {
          return false;
        }
      }
      skip_comment();
      if (!at_line_end()) return !indented && !text_.empty();
      text_.remove_prefix(1);
    }
  }

  /// Behind the expression only comments and line ends; a last line of spaces alone, or one that a backslash
  /// continues, is a syntax error.
  bool rest_is_empty() {
    bool continued = false, spaces_only = false;
    while (!text_.empty()) {
      continued = at('\\');
      const size_t before = text_.size();
      skip_blanks();
      spaces_only = after_line_end_ && text_.size() != before && text_.empty();
      skip_comment();
      if (text_.empty()) break;
      if (!at_line_end()) return false;
      text_.remove_prefix(1);
      after_line_end_ = true;
    }
    return !continued && !spaces_only;
  }

  bool open_parenthesis() { return parentheses_ < kMaxParentheses && take('(') && ++parentheses_; }

  bool close_parenthesis() {
    skip_space();
    return take(')');
  }

  bool list() {
    if (open_parenthesis()) {
      skip_space();
      return list() && close_parenthesis();
    }
    if (!take('[')) return false;
    for (skip_space(); !take(']'); skip_space()) {
      const auto item = element();
      if (!item || box_.size() == 4) return false;
      box_.push_back(item->value);
      skip_space();
      if (!take(',') && !at(']')) return false;
    }
    return true;
  }

  std::optional<Number> element() {
    if (open_parenthesis()) {
      skip_space();
      const auto inner = element();
      return inner && close_parenthesis() ? inner : std::nullopt;
    }
    if (at('-') || at('+')) return signed_element();
    return atom();
  }

  std::optional<Number> signed_element() {
    const bool negative = at('-');
    text_.remove_prefix(1);
    skip_space();
    if (at('-') || at('+')) return std::nullopt;  // no literal, and no recursion as deep as the text is long
    const auto operand = element();
    if (!operand || !operand->may_take_sign) return std::nullopt;
    const Json& value = operand->value;
    if (!negative) return Number{value, false};
    return Number{value.is_number_float() ? Json(-value.get<double>()) : Json(-value.get<int64_t>()), false};
  }

  std::optional<Number> atom() {
    size_t end = 0;
    while (end < text_.size() && (is_word(text_[end]) || text_[end] == '.' || is_exponent_sign(end))) ++end;
    const std::string word(text_.substr(0, end));
    text_.remove_prefix(end);
    if (word == "True" || word == "False") return Number{word == "True", false};
    if (word.empty() || !(is_digit(word[0]) || word[0] == '.')) return std::nullopt;
    const auto value = number(word);
    return value ? std::optional(Number{*value, true}) : std::nullopt;
  }

  bool is_exponent_sign(size_t i) const {
    const bool hexadecimal = text_.size() > 1 && (text_[1] | 0x20) == 'x';
    return i > 0 && (text_[i] == '-' || text_[i] == '+') && (text_[i - 1] | 0x20) == 'e' && !hexadecimal;
  }
};

double value_of(const Json& number) {
  return number.is_boolean() ? (number.get<bool>() ? 1.0 : 0.0) : number.get<double>();
}

double area(const Json& box) {
  return (value_of(box[2]) - value_of(box[0])) * (value_of(box[3]) - value_of(box[1]));
}

double overlap(const Json& a, const Json& b, size_t axis) {
  const double begin = std::max(value_of(a[axis]), value_of(b[axis]));
  const double end = std::min(value_of(a[axis + 2]), value_of(b[axis + 2]));
  return std::max(0.0, end - begin);
}

}  // namespace

std::optional<Json> parse_box(std::string_view text) {
  auto box = BoxReader(text).read();
  if (!box || box->size() != 4) return std::nullopt;
  const auto& b = *box;
  const bool within = std::all_of(b.begin(), b.end(), [](const Json& coordinate) {
    return value_of(coordinate) >= 0 && value_of(coordinate) <= 1;
  });
  const bool ordered = value_of(b[0]) < value_of(b[2]) && value_of(b[1]) < value_of(b[3]);
  return within && ordered ? box : std::nullopt;
}

double intersection_over_union(const Json& a, const Json& b) {
  const double shared = overlap(a, b, 0) * overlap(a, b, 1);
  return shared / (area(a) + area(b) - shared);
}

}  // namespace cobra::eval
