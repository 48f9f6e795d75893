#include "tokenizer/unicode_text.h"

#include <gtest/gtest.h>

#include <ctime>

namespace cobra {
namespace {

TEST(ReplaceInvalidUtf8, GivesOneReplacementForEachMaximalSubpart) {
  EXPECT_EQ(replace_invalid_utf8("aé日\U0001f600"), "aé日\U0001f600");
  EXPECT_EQ(replace_invalid_utf8("\xe6\x97"), "\ufffd");
  EXPECT_EQ(replace_invalid_utf8("\xf0\x9f\x98z"), "\ufffdz");
  EXPECT_EQ(replace_invalid_utf8("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");  // a surrogate
  EXPECT_EQ(replace_invalid_utf8("\xc0\xaf\xff"), "\ufffd\ufffd\ufffd");
  EXPECT_EQ(replace_invalid_utf8(std::string_view("a\0b", 3)), std::string("a\0b", 3));
}

TEST(IncompleteSuffix, CountsOnlyWhatCouldBeCompleted) {
  for (const std::string_view text :
       {"", "a", "é", "\x80", "\xff", "\xc0", "\xf5", "\xe0\x80", "\xed\xa0", "\xf4\x90"}) {
    EXPECT_EQ(incomplete_suffix(text), 0U) << text;
  }
  EXPECT_EQ(incomplete_suffix("a\xc3"), 1U);
  EXPECT_EQ(incomplete_suffix("a\xe6\x97"), 2U);
  EXPECT_EQ(incomplete_suffix("\xf0\x9f\x98"), 3U);
  EXPECT_EQ(incomplete_suffix("\xe6\xe6"), 1U);
}

TEST(Nfc, ComposesAndReorders) {
  EXPECT_EQ(to_nfc("plain"), "plain");
  EXPECT_EQ(to_nfc("cafe\u0301 \u212b"), "caf\u00e9 \u00c5");
  EXPECT_EQ(to_nfc("a\u0301\u0323"), "\u1ea1\u0301");
  EXPECT_EQ(to_nfc("\u1112\u1161\u11ab"), "\ud55c");
  EXPECT_EQ(to_nfc("\u0958"), "\u0915\u093c");
}

/// U+1ACA (class 230) is of Unicode 14: the tokenizers library does not move the older mark U+0339 (class
/// 220) past it.
TEST(Nfc, MarksYoungerThanUnicode9AreNoMarks) {
  EXPECT_EQ(to_nfc("e\u0301 x\u1aca\u0339"), "\u00e9 x\u1aca\u0339");
  EXPECT_EQ(to_nfc("e\u1aca\u0301"), "e\u1aca\u0301");
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// Class 230 before class 220, over and over: sorting by insertion takes minutes.
TEST(Nfc, LongRunsOfMarksAreLinear) {
  constexpr int kCount = 100'000;
  const std::clock_t start = std::clock();
  const std::string composed = to_nfc(std::string("e").append(repeated("\u0301\u0323", kCount)));
  EXPECT_EQ(to_nfc(repeated("\u0f73", kCount)), repeated("\u0f71", kCount) + repeated("\u0f72", kCount));
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
  EXPECT_EQ(composed, std::string("\u1eb9") + repeated("\u0323", kCount - 1) + repeated("\u0301", kCount));
}

TEST(PythonStrip, StripsWhatIsspaceSays) {
  EXPECT_EQ(
      python_strip(
          " \t\n\v\f\r\x1c\x1d\x1e\x1f\u0085\u00a0\u1680\u2000\u2028\u2029\u202f\u205f\u3000x y\u3000\n"),
      "x y");
  EXPECT_EQ(python_strip("\u200bx\ufeff"), "\u200bx\ufeff") << "zero-width characters are not space";
  EXPECT_EQ(python_strip(" \n "), "");
  EXPECT_EQ(python_rstrip(" x \n"), " x");
}

TEST(ReplaceAll, DoesNotLookAtReplacedTextAgain) {
  EXPECT_EQ(replace_all("<image><image>a<ima<image>ge>", "<image>", ""), "a<image>");
  EXPECT_EQ(replace_all("none", "x", "y"), "none");
}

}  // namespace
}  // namespace cobra
