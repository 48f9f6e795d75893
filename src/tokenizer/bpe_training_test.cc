// A learned vocabulary: what it merges, and that the tokenizer made of it reads text as it was learned.
#include "tokenizer/bpe_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "cobra/error.h"

namespace cobra {
namespace {

constexpr int64_t kBytes = 243;  // that occur in UTF-8

TEST(BpeTrainingTest, MergesTheMostFrequentPairFirst) {
  BpeTraining training({"<|endoftext|>"});
  training.add("low low low lower lower newest newest newest newest widest");
  const TokenizerData data = training.finish(1 + kBytes + 3);
  // "we": 2 in lower, 4 in newest. Then "lo", "st" and others five times: the id of 'l' is the lowest.
  EXPECT_THAT(data.merges, testing::ElementsAre("w e", "l o", "s t"));
}

TEST(BpeTrainingTest, StopsWhenNoPairOccursTwice) {
  BpeTraining training({"<|endoftext|>"});
  training.add("abc");
  EXPECT_TRUE(training.finish(1000).merges.empty());
}

TEST(BpeTrainingTest, SpecialTokensAreNoWords) {
  BpeTraining training({"<|endoftext|>", "<|user|>"});
  for (int i = 0; i < 5; ++i) training.add("<|user|>\nred<|endoftext|>");
  const Tokenizer tokenizer(training.finish(1000));
  EXPECT_EQ(tokenizer.encode("<|user|>\nred<|endoftext|>").size(), 4u);
  EXPECT_EQ(tokenizer.encode("<|user|>")[0], 1);
  EXPECT_EQ(tokenizer.eos_id(), 0);
  EXPECT_NE(tokenizer.single_token("red"), -1);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("r\xc3\xa9"
                                              "d!")),
            "r\xc3\xa9"
            "d!");
}

TEST(BpeTrainingTest, AFileReadsBackTheSame) {
  BpeTraining training({"<|endoftext|>", "<|user|>"});
  training.add("the red circle is left of the red square");
  const TokenizerData data = training.finish(300);
  const std::string path = testing::TempDir() + "bpe_training_test.json";
  std::ofstream(path) << tokenizer_json(data).dump();
  const TokenizerData read = TokenizerData::from_json(path);
  std::remove(path.c_str());
  EXPECT_EQ(read.tokens, data.tokens);
  EXPECT_EQ(read.merges, data.merges);
  EXPECT_EQ(read.eos_id, data.eos_id);
  ASSERT_EQ(read.added.size(), 2u);
  EXPECT_TRUE(read.added[1].special);
}

TEST(BpeTrainingTest, AVocabularyBelowTheBytesIsRefused) {
  EXPECT_THROW(BpeTraining({"<|endoftext|>"}).finish(kBytes), Error);
}

}  // namespace
}  // namespace cobra
