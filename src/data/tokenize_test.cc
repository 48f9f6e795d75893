#include "data/tokenize.h"

#include "data/collate.h"
#include "data/test_data.h"

namespace cobra::data {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

const Tokenizer& bytes() {
  static const Tokenizer tokenizer(TokenizerData::byte_level());
  return tokenizer;
}

struct Case {
  const char* examples;
  const char* expected;
  TokenizeOptions options;
};

/// The tokenised examples of one case of the reference.
std::vector<Tokenized> tokenized(const Json& examples, const TokenizeOptions& options) {
  std::vector<Tokenized> all;
  for (const Json& e : examples)
    all.push_back(tokenize(parse_example(e, "reference"), *testing::neox(), options));
  return all;
}

TEST(Tokenize, EqualsTheReference) {
  COBRA_SKIP_WITHOUT_NEOX();
  const Json reference = read_json(testing::reference("dataset.json"));
  using enum PromptTemplate;
  for (const auto& [examples, expected, options] :
       std::initializer_list<Case>{{"finetune_examples", "finetune_zephyr", {.prompt_template = zephyr}},
                                   {"finetune_examples",
                                    "finetune_zephyr_truncated_to_12",
                                    {.prompt_template = zephyr, .max_length = 12}},
                                   {"finetune_examples", "finetune_mamba", {.prompt_template = mamba}},
                                   {"finetune_examples",
                                    "finetune_mamba_truncated_to_12",
                                    {.prompt_template = mamba, .max_length = 12}},
                                   {"align_examples", "align", {.stage = Stage::align}}}) {
    const std::vector<Tokenized> found = tokenized(reference[examples], options);
    ASSERT_EQ(found.size(), reference[expected].size()) << expected;
    for (size_t i = 0; i < found.size(); ++i) {
      const Json& item = reference[expected][i];
      EXPECT_EQ(Json(found[i].input_ids), item["input_ids"]) << expected << " " << i;
      EXPECT_EQ(Json(found[i].labels), item["labels"]) << expected << " " << i;
      EXPECT_EQ(found[i].has_picture, item.value("has_image", reference[examples][i].contains("image")))
          << expected << " " << i;
    }
  }
}

Json rows(const PaddedBatch& batch, const auto& values) {
  Json all = Json::array();
  for (int64_t r = 0; r < batch.rows; ++r) {
    const auto begin = values.begin() + r * batch.length;
    all.push_back(std::vector<int64_t>(begin, begin + batch.length));
  }
  return all;
}

TEST(Collate, EqualsTheReference) {
  COBRA_SKIP_WITHOUT_NEOX();
  const Json reference = read_json(testing::reference("dataset.json"));
  const std::vector<Tokenized> examples = tokenized(reference["finetune_examples"], {});
  const Json& expected = reference["collated_zephyr"];
  const PaddedBatch batch = collate(examples, 0);
  EXPECT_EQ(rows(batch, batch.input_ids), expected["input_ids"]);
  EXPECT_EQ(rows(batch, batch.labels), expected["labels"]);
  EXPECT_EQ(rows(batch, batch.attention_mask), expected["attention_mask"]);
  EXPECT_EQ(Json(batch.multimodal_indices), expected["multimodal_indices"]);

  const Json& cut = reference["collated_zephyr_max_length_9"];
  const PaddedBatch short_batch = collate(examples, 0, 9);
  EXPECT_EQ(rows(short_batch, short_batch.input_ids), cut["input_ids"]);
  EXPECT_EQ(rows(short_batch, short_batch.labels), cut["labels"]);
  EXPECT_EQ(short_batch.valid_labels, 0);
}

TEST(Collate, PadsOnTheRight) {
  const std::vector<Tokenized> examples = {{{5}, {kIgnoredLabel}, false},
                                           {{1, 2, 9}, {kIgnoredLabel, 2, 9}, true}};
  const PaddedBatch batch = collate(examples, 9);
  EXPECT_THAT(batch.input_ids, ElementsAre(5, 9, 9, 1, 2, 9));
  EXPECT_THAT(batch.labels, ElementsAre(-100, -100, -100, -100, 2, 9));
  EXPECT_THAT(batch.attention_mask, ElementsAre(1, 0, 0, 1, 1, 0));
  EXPECT_THAT(batch.multimodal_indices, ElementsAre(1));
  EXPECT_EQ(batch.valid_labels, 2);
  EXPECT_THAT(error_of([] { collate({}, 0); }), HasSubstr("at least one example"));
}

TEST(Tokenize, LearnsAnswersOnly) {
  const Example example{"x", "", {{true, "q"}, {false, ""}}};
  const Tokenized t = tokenize(example, bytes(), {.prompt_template = PromptTemplate::mamba});
  EXPECT_EQ(bytes().decode(t.input_ids), "In: q\nOut:  <|endoftext|>");
  EXPECT_EQ(t.valid_labels(), 2);  // the space that stands for an empty answer, and end-of-text
  EXPECT_EQ(t.labels.back(), bytes().eos_id());
}

TEST(Tokenize, PureTemplateEndsAnswersWithItsOwnMark) {
  const Example example{"x", "", {{true, "q"}, {false, "a"}}};
  const Tokenized t = tokenize(example, bytes(), {.prompt_template = PromptTemplate::pure});
  EXPECT_EQ(bytes().decode(t.input_ids), "In: q\nOut: a</s>");
}

TEST(Tokenize, CutsAHundredThousandTokens) {
  std::string words;
  for (int i = 0; i < 100'000; ++i) words += "word ";
  const Example example{"x", "", {{true, "q"}, {false, words}}};
  const Tokenized t = tokenize(example, bytes());
  EXPECT_EQ(t.input_ids.size(), 2048U);
  EXPECT_EQ(t.labels.size(), 2048U);
  const Tokenized all = tokenize(example, bytes(), {.max_length = 1 << 20});
  EXPECT_GT(all.input_ids.size(), 100'000U);
  EXPECT_TRUE(std::equal(t.labels.begin(), t.labels.end(), all.labels.begin()));
}

}  // namespace
}  // namespace cobra::data
