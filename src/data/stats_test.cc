// What stats and the check of pictures find.
#include "data/stats.h"

#include "data/test_data.h"
#include "image/encode_png.h"

namespace cobra::data {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using testing::example_text;
using ::testing::HasSubstr;

const Tokenizer& bytes() {
  static const Tokenizer tokenizer(TokenizerData::byte_level());
  return tokenizer;
}

/// A folder with good.png, also-good.png, torn.png; absent.png is not there.
class PictureTest : public ::testing::Test {
 protected:
  PictureTest() {
    const std::string png = encode_png({4, 4, 1, std::vector<uint8_t>(16, 7)});
    folder_.write("pictures/good.png", png);
    folder_.write("pictures/also-good.png", png);
    folder_.write("pictures/torn.png", png.substr(0, 40));
  }
  testing::TemporaryFolder folder_;
  const PictureFolder pictures_{folder_.file("pictures")};
};

using PictureCheckTest = PictureTest;

TEST_F(PictureCheckTest, TellsGoodMissingAndBroken) {
  const std::vector<std::string> names = {"torn.png", "good.png", "absent.png", "../outside.png",
                                          "also-good.png"};
  for (const int threads : {1, 3}) {
    std::vector<int64_t> told;
    PictureCheck check{&pictures_, true, threads, [&](int64_t done, int64_t total) {
                         EXPECT_EQ(total, 5);
                         told.push_back(done);
                       }};
    const std::vector<PictureVerdict> verdicts = check_pictures(names, check);
    using enum PictureState;
    const std::vector<PictureState> expected = {broken, good, missing, broken, good};
    for (size_t i = 0; i < names.size(); ++i) {
      EXPECT_EQ(verdicts[i].state, expected[i]) << names[i];
      EXPECT_EQ(verdicts[i].reason.empty(), expected[i] == good) << names[i];
    }
    EXPECT_THAT(verdicts[0].reason, HasSubstr("torn.png"));
    EXPECT_THAT(verdicts[3].reason, HasSubstr("must stay below the picture folder"));
    EXPECT_THAT(told, ElementsAre(1, 2, 3, 4, 5));
  }
}

TEST_F(PictureCheckTest, OnlyLooksWhenAsked) {
  PictureCheck check;
  check.folder = &pictures_;
  check.decode = false;
  const std::vector<PictureVerdict> verdicts = check_pictures({"torn.png", "absent.png"}, check);
  EXPECT_EQ(verdicts[0].state, PictureState::good);
  EXPECT_EQ(verdicts[1].state, PictureState::missing);
}

TEST(Distribution, PercentilesAreValuesThatOccur) {
  std::vector<int64_t> hundred;
  for (int64_t i = 100; i > 0; --i) hundred.push_back(i * 10);
  const Distribution d = distribution(hundred);
  EXPECT_EQ(d.total, 50500);
  EXPECT_EQ(d.mean, 505);
  EXPECT_THAT((std::vector{d.min, d.p50, d.p90, d.p99, d.max}), ElementsAre(10, 500, 900, 990, 1000));
  const Distribution few = distribution({7, 3, 5});
  EXPECT_THAT((std::vector{few.min, few.p50, few.p90, few.p99, few.max}), ElementsAre(3, 5, 7, 7, 7));
  const Distribution one = distribution({4});
  EXPECT_THAT((std::vector{one.min, one.p50, one.p90, one.p99, one.max}), ElementsAre(4, 4, 4, 4, 4));
  EXPECT_NE(error_of([] { distribution({}); }), "");
}

class StatsTest : public PictureTest {
 protected:
  Stats stats(const std::vector<std::string>& examples, StatsOptions options = {}) const {
    std::string text;
    for (const std::string& example : examples) text += (text.empty() ? "[" : ",") + example;
    const std::string path = folder_.write("data.json", text + "]");
    options.pictures.folder = &pictures_;
    return dataset_stats(path, options);
  }
};

TEST_F(StatsTest, CountsEachPictureOnceAndWhoShowsIt) {
  const Stats found =
      stats({example_text("a", "q", "a", "good.png"), example_text("b", "q", "a", "good.png"),
             example_text("c", "q", "a", "torn.png"), example_text("d", "q", "a", "absent.png"),
             example_text("e", "q", "a", "torn.png"), example_text("f", "q", "a"), "{}"});
  EXPECT_EQ(found.examples, 6);
  EXPECT_EQ(found.with_picture, 5);
  EXPECT_EQ(found.pictures, 3);
  EXPECT_EQ(found.bad_example_count, 1);
  EXPECT_EQ(found.bad_examples.at(0).position, 6);
  ASSERT_EQ(found.missing.size(), 1u);
  EXPECT_EQ(found.missing[0].picture, "absent.png");
  EXPECT_EQ(found.missing[0].examples, 1);
  ASSERT_EQ(found.broken.size(), 1u);
  EXPECT_EQ(found.broken[0].picture, "torn.png");
  EXPECT_EQ(found.broken[0].examples, 2);
  EXPECT_FALSE(found.has_tokens);
}

/// With one token a byte, "pure" prompts and answers can be counted by hand.
TEST_F(StatsTest, CountsTokensBeforeTheCutAndTargetsAfterIt) {
  StatsOptions options;
  options.tokenizer = &bytes();
  options.tokenize.prompt_template = PromptTemplate::pure;
  options.tokenize.max_length = 20;
  const std::string example = example_text("a", "why so", "it is");
  const Tokenized whole =
      tokenize(parse_example_text(example, ""), bytes(), {.prompt_template = PromptTemplate::pure});
  const auto tokens = static_cast<int64_t>(whole.input_ids.size());
  ASSERT_GT(tokens, 20);
  for (const int threads : {1, 2}) {
    options.threads = threads;
    const Stats found = stats({example, example_text("b", std::string(40, 'x'), "no")}, options);
    EXPECT_TRUE(found.has_tokens);
    EXPECT_EQ(found.tokens.max, tokens - 11 + 42);
    EXPECT_EQ(found.tokens.min, tokens);
    EXPECT_EQ(found.targets.min, 0);
    EXPECT_EQ(found.targets.max, whole.valid_labels() - (tokens - 20));
    EXPECT_EQ(found.longer, 2);
    EXPECT_EQ(found.without_target, 1);
    EXPECT_EQ(found.words.total, 4 + 2);
  }
  options.tokenize.max_length = tokens;
  EXPECT_EQ(stats({example}, options).longer, 0);
}

TEST_F(StatsTest, ReadsCaptionsAsTheAlignStageDoes) {
  StatsOptions options;
  options.tokenizer = &bytes();
  options.tokenize.stage = Stage::align;
  const Stats found =
      stats({example_text("a", "q", " cap ", "good.png"), example_text("b", "q", "no picture")}, options);
  EXPECT_EQ(found.examples, 1);
  EXPECT_EQ(found.bad_example_count, 1);
  EXPECT_EQ(found.tokens.total, 4);  // of the stripped caption and end-of-text
  EXPECT_EQ(found.targets.total, 4);
}

TEST_F(StatsTest, NamesTheExampleThatIsTooLongToTokenize) {
  StatsOptions options;
  options.tokenizer = &bytes();
  const std::string long_text((16 << 20) + 1, 'x');
  EXPECT_THAT(error_of([&] {
                stats({example_text("a", "q", "a"), example_text("huge", "q", long_text)}, options);
              }),
              HasSubstr("data.json: example 1 (id 'huge'): text of"));
}

}  // namespace
}  // namespace cobra::data
