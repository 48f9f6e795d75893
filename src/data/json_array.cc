#include "data/json_array.h"

#include "base/fail.h"

namespace cobra::data {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// A cursor over the structural characters.
class Splitter {
 public:
  Splitter(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  void split(const std::function<void(std::string_view)>& visit) {
    if (text_.starts_with("\xef\xbb\xbf")) position_ = 3;  // a byte order mark
    expect('[', "an array");
    if (skip_space(), peek() == ']') {
      ++position_;
    } else {
      do visit(element());
      while (next_or_end());
    }
    skip_space();
    check(position_ == text_.size(), "{}: text follows the array at byte {}", source_, position_);
  }

 private:
  std::string_view text_;
  const std::string& source_;
  size_t position_ = 0;

  /// '\0' at the end; a zero byte is no structural character either.
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  void skip_space() {
    while (is_space(peek())) ++position_;
  }

  void expect(char c, std::string_view what) {
    skip_space();
    const bool is_end = position_ >= text_.size();
    check(peek() == c, "{}: expected {} ('{}') at byte {}, found {}", source_, what, c, position_,
          is_end ? "the end" : fmt::format("'{}'", printable(text_.substr(position_, 1))));
    ++position_;
  }

  /// Behind an element: true after a comma, false after the bracket that ends the array.
  bool next_or_end() {
    skip_space();
    if (peek() == ',') return ++position_, true;
    return expect(']', "a comma or the array's end"), false;
  }

  void skip_string() {
    const size_t start = position_++;
    while (position_ < text_.size() && text_[position_] != '"') position_ += text_[position_] == '\\' ? 2 : 1;
    check(position_ < text_.size(), "{}: the string that starts at byte {} does not end", source_, start);
    ++position_;
  }

  /// Up to the comma or bracket that ends it. Brackets and braces count alike: a mismatch is the parser's
  /// business.
  std::string_view element() {
    skip_space();
    const size_t start = position_;
    size_t end = start;  // behind the last character that is no white space
    for (int64_t depth = 0;; end = position_) {
      skip_space();
      check(position_ < text_.size(), "{}: the element that starts at byte {} does not end", source_, start);
      const char c = text_[position_];
      if (depth == 0 && (c == ',' || c == ']' || c == '}')) break;
      if (c == '"') {
        skip_string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++position_;
    }
    check(end > start, "{}: an element is missing at byte {}", source_, start);
    return text_.substr(start, end - start);
  }
};

}  // namespace

void for_each_json_element(std::string_view text, const std::string& source,
                           const std::function<void(std::string_view)>& visit) {
  Splitter(text, source).split(visit);
}

std::vector<std::string_view> json_array_elements(std::string_view text, const std::string& source) {
  std::vector<std::string_view> elements;
  for_each_json_element(text, source, [&](std::string_view element) { elements.push_back(element); });
  return elements;
}

}  // namespace cobra::data
