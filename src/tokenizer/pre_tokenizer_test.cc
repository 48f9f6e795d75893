#include "tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cobra {
namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view text) {
  Words words;
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = word_end(text, begin);
    words.emplace_back(text.substr(begin, end - begin));
  }
  return words;
}

TEST(WordEnd, LettersNumbersAndOtherCharactersAreWordsOfTheirOwn) {
  EXPECT_EQ(words_of("Hello world12!?x"), (Words{"Hello", " world", "12", "!?", "x"}));
  EXPECT_EQ(words_of("日本 Ⅷ½ —é"), (Words{"日本", " Ⅷ½", " —", "é"}));
}

TEST(WordEnd, OneSpaceBelongsToTheWordBehindIt) {
  EXPECT_EQ(words_of("a   b"), (Words{"a", "  ", " b"}));
  EXPECT_EQ(words_of("a \n b"), (Words{"a", " \n", " b"}));
  EXPECT_EQ(words_of("a\n\nb"), (Words{"a", "\n", "\n", "b"}));
  EXPECT_EQ(words_of("a\u00a0b"), (Words{"a", "\u00a0", "b"}));
  EXPECT_EQ(words_of("a  "), (Words{"a", "  "}));
  EXPECT_EQ(words_of(" "), (Words{" "}));
}

TEST(WordEnd, ContractionsAreLowerCaseAndCutOnlyAtAWordsStart) {
  EXPECT_EQ(words_of("don't we'll I've"), (Words{"don", "'t", " we", "'ll", " I", "'ve"}));
  EXPECT_EQ(words_of("DON'T"), (Words{"DON", "'", "T"}));
  EXPECT_EQ(words_of("''s 's"), (Words{"''", "s", " '", "s"}));
  EXPECT_EQ(words_of("'sx'"), (Words{"'s", "x", "'"}));
}

TEST(WordEnd, InformationSeparatorsAreNotWhiteSpace) {
  EXPECT_EQ(words_of("a\x1c\x1d b"), (Words{"a", "\x1c\x1d", " b"}));
}

}  // namespace
}  // namespace cobra
