#include "tokenizer/added_tokens.h"

#include <gtest/gtest.h>

namespace cobra {
namespace {

TEST(AddedTokenMatcher, TakesTheLeftmostMatchAndThereTheLongest) {
  AddedTokenMatcher matcher;
  matcher.add("ab", 1);
  matcher.add("abcd", 2);
  matcher.add("bcx", 3);
  const auto in_text = [&](std::string_view text, size_t from) {
    const auto match = matcher.find(text, from);
    return std::tuple(match.begin, match.end, match.id);
  };
  EXPECT_EQ(in_text("zabcd", 0), std::tuple(1U, 5U, 2));
  EXPECT_EQ(in_text("zabcx", 0), std::tuple(1U, 3U, 1)) << "the longer token fails half-way";
  EXPECT_EQ(in_text("zabcx", 2), std::tuple(2U, 5U, 3));
  EXPECT_EQ(in_text("abc", 1), std::tuple(3U, 3U, -1));
  EXPECT_EQ(in_text("", 0), std::tuple(0U, 0U, -1));
}

}  // namespace
}  // namespace cobra
