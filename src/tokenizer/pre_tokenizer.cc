// The regular expression of GPT-2 (encoder.py of openai/gpt-2), also that of GPT-NeoX, as a scanner:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// \s is Unicode's White_Space. Letters and numbers are those of the ICU in use (72 has Unicode 15.0; the
// tokenizers library 0.23 has 16.0), so a text in a script younger than that ICU may be split differently.
#include "tokenizer/pre_tokenizer.h"

#include <unicode/uchar.h>

#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

enum class CharClass { letter, number, space, other };

CharClass class_of(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  const uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_L_MASK) return CharClass::letter;
  if (category & U_GC_N_MASK) return CharClass::number;
  return u_isUWhiteSpace(c) ? CharClass::space : CharClass::other;
}

/// Length of the contraction ('s, 't, 're, ...) at the start of `text`, which starts with an apostrophe, or
/// 0.
size_t contraction_length(std::string_view text) {
  for (const std::string_view contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(contraction)) return contraction.size();
  }
  return 0;
}

/// End of the characters of class `wanted` from `begin` on.
size_t run_end(std::string_view text, size_t begin, CharClass wanted) {
  size_t end = begin;
  for (size_t at = begin; at < text.size() && class_of(next_code_point(text, at)) == wanted;) end = at;
  return end;
}

/// \s+(?!\S)|\s+ : all of the white space at the text's end, else all but its last character, which may begin
/// the next word; one character alone is a word.
size_t space_end(std::string_view text, size_t begin) {
  size_t last = begin;
  size_t end = begin;
  for (size_t at = begin; at < text.size() && class_of(next_code_point(text, at)) == CharClass::space;) {
    last = end;
    end = at;
  }
  return end == text.size() || last == begin ? end : last;
}

}  // namespace

size_t word_end(std::string_view text, size_t begin) {
  if (text[begin] == '\'') {
    if (const size_t length = contraction_length(text.substr(begin))) return begin + length;
  }
  size_t at = begin;
  CharClass first = class_of(next_code_point(text, at));
  if (text[begin] == ' ' && at < text.size()) {  // " ?" of the three kinds of word
    const size_t behind_space = at;
    const CharClass second = class_of(next_code_point(text, at));
    if (second != CharClass::space) return run_end(text, behind_space, second);
  }
  return first == CharClass::space ? space_end(text, begin) : run_end(text, begin, first);
}

}  // namespace cobra
