#include <gmock/gmock.h>

#include "tokenizer/tokenizer_test_data.h"

namespace cobra {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

/// A correct file to spoil: every byte is a token, and there is one merge.
Json byte_level_json() {
  const TokenizerData data = TokenizerData::byte_level();
  Json vocab = Json::object();
  for (size_t id = 2; id < data.tokens.size(); ++id) vocab[data.tokens[id]] = id;
  vocab["ab"] = 258;
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  Json root = {{"normalizer", {{"type", "NFC"}}},
               {"pre_tokenizer", byte_level},
               {"post_processor", nullptr},
               {"decoder", byte_level},
               {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b"}}}}};
  root["added_tokens"] = Json::array();
  root["added_tokens"].push_back({{"id", 0}, {"content", "<|endoftext|>"}, {"special", true}});
  root["added_tokens"].push_back({{"id", 300}, {"content", "  "}, {"special", false}, {"normalized", true}});
  return root;
}

TokenizerData load(const Json& root) {
  const testing::TemporaryFolder folder;
  return TokenizerData::from_json(folder.write("tokenizer.json", root.dump()));
}

TEST(FromJson, ReadsAllParts) {
  const TokenizerData data = load(byte_level_json());
  EXPECT_EQ(data.tokens.size(), 301U);
  EXPECT_EQ(data.tokens[258], "ab");
  EXPECT_EQ(data.tokens[299], "");
  EXPECT_EQ(data.merges, std::vector<std::string>{"a b"});
  EXPECT_TRUE(data.nfc);
  EXPECT_FALSE(data.add_prefix_space);
  ASSERT_EQ(data.added.size(), 2U);
  EXPECT_TRUE(data.added[0].special);
  EXPECT_FALSE(data.added[0].normalized);
  EXPECT_TRUE(data.added[1].normalized);
  const Tokenizer tokenizer(data);
  EXPECT_EQ(tokenizer.encode("ab  <|endoftext|>"), (std::vector<int32_t>{258, 300, 0}));
  EXPECT_EQ(tokenizer.size(), 259);
}

TEST(FromJson, TakesTheFormsOfNewerFiles) {
  Json root = byte_level_json();
  root["model"]["merges"] = Json::array({Json::array({"a", "b"})});
  root["normalizer"] = nullptr;
  root["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array({root["pre_tokenizer"]})}};
  root["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", Json::array({{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}})}};
  const TokenizerData data = load(root);
  EXPECT_EQ(data.merges, std::vector<std::string>{"a b"});
  EXPECT_FALSE(data.nfc);
}

struct BadJson {
  const char* name;
  std::function<void(Json&)> spoil;
  const char* message;
};

class WrongJson : public ::testing::TestWithParam<BadJson> {};

TEST_P(WrongJson, IsOneClearError) {
  Json root = byte_level_json();
  GetParam().spoil(root);
  const std::string message = error_of([&] { Tokenizer tokenizer(load(root)); });
  EXPECT_THAT(message, HasSubstr(GetParam().message));
  EXPECT_THAT(message, HasSubstr("tokenizer.json: "));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    FromJson, WrongJson,
    ::testing::Values(
        BadJson{"Array", [](Json& j) { j = Json::array(); }, "field '' must be an object, found an array"},
        BadJson{"NoModel", [](Json& j) { j.erase("model"); },
                "field 'model' must be an object, found nothing"},
        BadJson{"OtherModel", [](Json& j) { j["model"]["type"] = "Unigram"; },
                "field 'model.type' must be \"BPE\" (nothing else is supported), found \"Unigram\""},
        BadJson{"Dropout", [](Json& j) { j["model"]["dropout"] = 0.1; },
                "field 'model.dropout' must be null or 0, found 0.1"},
        BadJson{"Suffix", [](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; },
                "field 'model.end_of_word_suffix' must be empty (subword affixes are not supported), found "
                "\"</w>\""},
        BadJson{"IgnoreMerges", [](Json& j) { j["model"]["ignore_merges"] = true; },
                "field 'model.ignore_merges' must be false"},
        BadJson{"NoVocab", [](Json& j) { j["model"].erase("vocab"); },
                "field 'model.vocab' must be an object, found nothing"},
        BadJson{"VocabArray", [](Json& j) { j["model"]["vocab"] = {"a"}; },
                "field 'model.vocab' must be an object, found an array"},
        BadJson{"IdText", [](Json& j) { j["model"]["vocab"]["ab"] = "258"; },
                "field 'model.vocab.ab' must be an integer, found \"258\""},
        BadJson{"IdNegative", [](Json& j) { j["model"]["vocab"]["ab"] = -1; },
                "field 'model.vocab.ab' must be an id in [0, 4000000), found -1"},
        BadJson{"IdFar", [](Json& j) { j["model"]["vocab"]["ab"] = 4'000'000; },
                "field 'model.vocab.ab' must be an id in [0, 4000000), found 4000000"},
        BadJson{"IdHuge", [](Json& j) { j["model"]["vocab"]["ab"] = 18446744073709551615U; },
                "must be an id in [0, 4000000), found 18446744073709551615"},
        BadJson{"IdTwice", [](Json& j) { j["model"]["vocab"]["zz"] = 258; },
                "field 'model.vocab.zz' must be an id of its own, not that of 'ab', found 258"},
        BadJson{"EmptyToken", [](Json& j) { j["model"]["vocab"][""] = 259; },
                "must be the id of a token that is not empty"},
        BadJson{"NoMerges", [](Json& j) { j["model"].erase("merges"); },
                "field 'model.merges' must be an array, found nothing"},
        BadJson{"MergeNumber", [](Json& j) { j["model"]["merges"] = {7}; },
                "field 'model.merges[0]' must be an array, found 7"},
        BadJson{"MergeOfThree",
                [](Json& j) {
                  j["model"]["merges"] = Json::array({Json::array({"a", "b", "c"})});
                },
                "field 'model.merges[0]' must be two tokens"},
        BadJson{"MergeUnknown",
                [](Json& j) {
                  j["model"]["merges"] = {"a b", "ab zz"};
                },
                "merge 1 'ab zz': its right part 'zz' is not a token"},
        BadJson{"MissingByte", [](Json& j) { j["model"]["vocab"].erase("Q"); }, "no token for byte 0x51"},
        BadJson{"NoEndOfText", [](Json& j) { j["added_tokens"].erase(0); },
                "field 'added_tokens' has no '<|endoftext|>', the token that ends an answer"},
        BadJson{"NoAddedTokens", [](Json& j) { j.erase("added_tokens"); },
                "field 'added_tokens' has no '<|endoftext|>'"},
        BadJson{"Lowercase", [](Json& j) { j["normalizer"]["type"] = "Lowercase"; },
                "field 'normalizer.type' must be \"NFC\" (nothing else is supported), found \"Lowercase\""},
        BadJson{"TwoNormalizers",
                [](Json& j) {
                  j["normalizer"] = {{"type", "Sequence"},
                                     {"normalizers", Json::array({j["normalizer"], j["normalizer"]})}};
                },
                "field 'normalizer.normalizers' must be a sequence of one, found an array"},
        BadJson{"NoPreTokenizer", [](Json& j) { j["pre_tokenizer"] = nullptr; },
                "field 'pre_tokenizer' must be of type"},
        BadJson{"OtherPreTokenizer", [](Json& j) { j["pre_tokenizer"]["type"] = "Metaspace"; },
                "field 'pre_tokenizer.type' must be \"ByteLevel\""},
        BadJson{"NoRegex", [](Json& j) { j["pre_tokenizer"]["use_regex"] = false; },
                "field 'pre_tokenizer.use_regex' must be true, found false"},
        BadJson{"OtherDecoder", [](Json& j) { j["decoder"]["type"] = "BPEDecoder"; },
                "field 'decoder.type' must be \"ByteLevel\""},
        BadJson{"AddsBos",
                [](Json& j) {
                  j["post_processor"] = {
                      {"type", "TemplateProcessing"},
                      {"single", Json::array({{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}})}};
                },
                "field 'post_processor.single[0]' must be a sequence"},
        BadJson{"AddedObject", [](Json& j) { j["added_tokens"] = Json::object(); },
                "field 'added_tokens' must be an array"},
        BadJson{"AddedStrips", [](Json& j) { j["added_tokens"][1]["lstrip"] = true; },
                "field 'added_tokens[1].lstrip' must be false (true is not supported), found true"},
        BadJson{"AddedNoContent", [](Json& j) { j["added_tokens"][1].erase("content"); },
                "field 'added_tokens[1].content' must be a string, found nothing"},
        BadJson{"AddedTakesAnId", [](Json& j) { j["added_tokens"][1]["id"] = 258; },
                "field 'added_tokens[1].id' must be an id of its own, not that of 'ab', found 258"},
        BadJson{"AddedFar", [](Json& j) { j["added_tokens"][1]["id"] = 4'000'000; },
                "field 'added_tokens[1].id' must be an id in [0, 4000000)"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(FromJson, FilesThatAreNotJsonAreErrors) {
  const testing::TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { TokenizerData::from_json(folder.write("t.json", "{\"model\": ")); }),
              HasSubstr("t.json: not valid JSON"));
  EXPECT_THAT(error_of([&] { TokenizerData::from_json(folder.file("absent.json")); }),
              HasSubstr("absent.json"));
}

/// The fuzz target's seeds and past findings: an Error is an answer, anything else is not.
TEST(FromJson, AnswersTheFuzzCorpus) {
  int loaded = 0;
  for (const auto& entry : std::filesystem::directory_iterator(COBRA_SOURCE_DIR "/fuzz/corpus/tokenizer")) {
    if (entry.path().extension() != ".json") continue;
    try {
      const Tokenizer tokenizer(TokenizerData::from_json(entry.path().string()));
      EXPECT_EQ(tokenizer.decode(tokenizer.encode("the  dog")), "the  dog") << entry.path();
      ++loaded;
    } catch (const Error& error) {
      EXPECT_STRNE(error.what(), "");
    }
  }
  EXPECT_GE(loaded, 2);
}

}  // namespace
}  // namespace cobra
