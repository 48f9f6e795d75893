#include "tokenizer/bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace cobra {
namespace {

using Ids = std::vector<int32_t>;

Ids merged(const std::vector<Merge>& merges, int64_t token_count, const Ids& word) {
  BpeScratch scratch;
  Ids out;
  merge_word(MergeTable(merges, token_count), word, scratch, out);
  return out;
}

/// The definition, quadratic: the leftmost pair of the lowest rank merges, again and again.
Ids merged_by_definition(const std::vector<Merge>& merges, int64_t token_count, Ids word) {
  const MergeTable table(merges, token_count);
  for (;;) {
    const MergeTable::Entry* best = nullptr;
    size_t place = 0;
    for (size_t i = 0; i + 1 < word.size(); ++i) {
      const MergeTable::Entry* entry = table.find(word[i], word[i + 1]);
      if (entry && (!best || entry->rank < best->rank)) best = entry, place = i;
    }
    if (!best) return word;
    word[place] = best->result;
    word.erase(word.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

TEST(MergeWord, PrefersTheLowestRankThenTheLeftmostPlace) {
  EXPECT_EQ(merged({{1, 2, 3}, {0, 1, 4}}, 5, {0, 1, 2}), (Ids{0, 3}));
  EXPECT_EQ(merged({{0, 1, 4}, {1, 2, 3}}, 5, {0, 1, 2}), (Ids{4, 2}));
  EXPECT_EQ(merged({{0, 0, 1}}, 2, {0, 0, 0}), (Ids{1, 0}));
}

TEST(MergeWord, TakesEmptyAndSingleWords) {
  EXPECT_EQ(merged({{0, 0, 1}}, 2, {}), Ids{});
  EXPECT_EQ(merged({{0, 0, 1}}, 2, {0}), Ids{0});
}

TEST(MergeWord, OfTwoMergesOfOnePairTheLastCounts) {
  EXPECT_EQ(merged({{0, 1, 3}, {1, 2, 4}, {0, 1, 3}}, 5, {0, 1, 2}), (Ids{0, 4}));
}

TEST(MergeWord, EqualsTheDefinitionOnRandomMerges) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<Merge> merges;
    int32_t tokens = 3;
    for (; tokens < 24; ++tokens) {
      const auto any = [&] { return static_cast<int32_t>(random() % static_cast<unsigned>(tokens)); };
      merges.push_back({any(), any(), tokens});
    }
    std::shuffle(merges.begin(), merges.end(), random);
    Ids word(random() % 60);
    for (int32_t& id : word) id = static_cast<int32_t>(random() % 3);
    ASSERT_EQ(merged(merges, tokens, word), merged_by_definition(merges, tokens, word)) << "round " << round;
  }
}

}  // namespace
}  // namespace cobra
