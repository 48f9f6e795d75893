#include "eval/vqa_text.h"

#include "eval/vqa_words.h"
#include "tokenizer/unicode_text.h"

namespace cobra::eval {
namespace {

constexpr std::string_view kPunctuation = ";/[]\"{}()=+\\_-><@`,?!";  // of the VQA scorers
constexpr std::string_view kAsciiPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

// The scorers pass the flag re.UNICODE, which is 32, where re.sub takes the largest number of replacements.
constexpr int kMaxPeriods = 32;

bool digit_at(std::string_view text, size_t position) {
  return position < text.size() && is_decimal_digit(next_code_point(text, position));
}

/// A comma with a digit on either side.
bool has_comma_in_number(std::string_view text) {
  bool after_digit = false;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ',' && after_digit && digit_at(text, at + 1)) return true;
    after_digit = is_decimal_digit(next_code_point(text, at));
  }
  return false;
}

/// Removes the first kMaxPeriods periods that no digit follows. (The scorers' pattern also has a look-ahead
/// that was meant to look behind for a digit; it never fails.)
std::string strip_periods(std::string_view text) {
  std::string out;
  int removed = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' && removed < kMaxPeriods && !digit_at(text, i + 1)) {
      ++removed;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// Each mark goes away where it stands next to a space anywhere in the text, or where the text has a number
/// with a comma; else it becomes a space.
std::string process_punctuation(std::string_view text) {
  const bool comma_in_number = has_comma_in_number(text);
  std::string out(text);
  for (const char mark : kPunctuation) {
    const bool beside_space =
        text.find(std::string{mark, ' '}) != text.npos || text.find(std::string{' ', mark}) != text.npos;
    out = replace_all(out, {&mark, 1}, beside_space || comma_in_number ? "" : " ");
  }
  return strip_periods(out);
}

std::string process_words(std::string_view text, Contractions contractions) {
  const std::string lower = python_lower(text);
  std::string out;
  for (const std::string_view word : python_split(lower)) {
    const std::string_view standard = standard_word(word, contractions);
    if (standard.empty()) continue;
    if (!out.empty()) out += ' ';
    out += standard;
  }
  return out;
}

std::string on_one_line(std::string_view text) {
  return std::string(python_strip(replace_all(replace_all(text, "\n", " "), "\t", " ")));
}

std::string processed_answer(std::string_view text, Contractions contractions) {
  return process_words(process_punctuation(on_one_line(text)), contractions);
}

}  // namespace

std::string vqa_answer(std::string_view text) { return processed_answer(text, Contractions::vqa); }

std::string vqa_ground_truth(std::string_view text) { return process_punctuation(text); }

std::string vizwiz_answer(std::string_view text) { return processed_answer(text, Contractions::vizwiz); }

std::string text_vqa_answer(std::string_view text) {
  std::string words = replace_all(python_lower(text), ",", "");
  words = replace_all(replace_all(words, "?", ""), "'s", " 's");
  return processed_answer(python_strip(words), Contractions::vqa);
}

std::string gqa_answer(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (kAsciiPunctuation.find(c) == kAsciiPunctuation.npos) out += c;
  }
  return python_lower(out);
}

}  // namespace cobra::eval
