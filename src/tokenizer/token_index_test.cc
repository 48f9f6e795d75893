// Tests of the index of tokens: ids by text, and tokens that a file chose to collide.
#include "tokenizer/token_index.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "base/stopwatch.h"

namespace cobra {
namespace {

TEST(TokenIndex, FindsTheFirstOfEqualTokens) {
  const std::vector<std::string> tokens{"a", "", "bc", "a", std::string(1000, 'x')};
  const TokenIndex index(tokens);
  EXPECT_EQ(index.size(), 3);
  EXPECT_EQ(index.find("a"), 0);
  EXPECT_EQ(index.find("bc"), 2);
  EXPECT_EQ(index.find(tokens[4]), 4);
  EXPECT_EQ(index.find(""), -1);
  EXPECT_EQ(index.find("b"), -1);
}

/// libstdc++'s std::hash is MurmurHash64A with a known seed: a second block can undo what the first one did.
std::string token_of_one_hash(uint64_t number) {
  constexpr uint64_t kFactor = 0xc6a4a7935bd1e995, kInverse = 0x5f7a0ea7e59b19bd, kSeed = 0xc70f6907;
  const auto fold = [](uint64_t x) { return x ^ (x >> 47); };
  const uint64_t state = (kSeed ^ (16 * kFactor) ^ (fold(number * kFactor) * kFactor)) * kFactor;
  const uint64_t blocks[2] = {number, fold(state * kInverse) * kInverse};
  std::string token(sizeof blocks, '\0');
  std::memcpy(token.data(), blocks, sizeof blocks);
  return token;
}

TEST(TokenIndex, TokensThatWereMadeToCollideDoNot) {
  std::vector<std::string> tokens;
  for (uint64_t i = 0; i < 100'000; ++i) tokens.push_back(token_of_one_hash(i));
  const std::hash<std::string_view> hash;
  if (hash(tokens[1]) != hash(tokens[2])) GTEST_SKIP() << "another std::hash than libstdc++'s of 64 bits";
  const Stopwatch stopwatch;
  const TokenIndex index(tokens);
  EXPECT_EQ(index.find(tokens.back()), 99'999);
  EXPECT_LT(stopwatch.elapsed_ms(), 2000) << "5e9 comparisons if they stood behind each other";
}

}  // namespace
}  // namespace cobra
