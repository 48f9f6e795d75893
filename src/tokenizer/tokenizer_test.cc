#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>

#include <ctime>
#include <functional>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer_test_data.h"

namespace cobra {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::neox;
using testing::tiny_tokenizer;
using Ids = std::vector<int32_t>;

std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

/// Processor time, which a busy machine stretches less than it stretches the clock on the wall.
double seconds_of(const std::function<void()>& action) {
  const std::clock_t start = std::clock();
  action();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// Checks the fixture's texts under `tokenizer`, whose ids stand under `key`.
void expect_fixture_ids(const Tokenizer& tokenizer, const char* key) {
  const Json cases = read_json(testing::tokenizer_fixture("cases.json"));
  ASSERT_GT(cases["encode"].size(), 300U);
  for (const Json& c : cases["encode"]) {
    const auto text =
        c.contains("hex") ? bytes_of_hex(c["hex"].get<std::string>()) : c["text"].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text), c[key].get<Ids>()) << c.dump();
  }
}

TEST(Encode, EqualsHuggingFaceOnHardTexts) { expect_fixture_ids(tiny_tokenizer(), "tiny"); }

TEST(Encode, EqualsHuggingFaceOnHardTextsUnderGptNeox) {
  COBRA_SKIP_WITHOUT_NEOX();
  expect_fixture_ids(*neox(), "neox");
}

TEST(Encode, EqualsTheReference) {
  COBRA_SKIP_WITHOUT_NEOX();
  const Json reference = read_json(testing::reference("tokenization.json"));
  ASSERT_GT(reference["cases"].size(), 100U);
  for (const Json& c : reference["cases"]) {
    EXPECT_EQ(neox()->encode(bytes_of_hex(c["utf8_hex"].get<std::string>())), c["ids"].get<Ids>())
        << c.dump();
  }
}

/// Each caption of the align stage is one text with the end of text behind it.
TEST(Encode, EqualsTheReferenceOnAlignCaptions) {
  COBRA_SKIP_WITHOUT_NEOX();
  const Json dataset = read_json(testing::reference("dataset.json"));
  const Json& examples = dataset["align_examples"];
  ASSERT_GT(examples.size(), 0U);
  for (size_t i = 0; i < examples.size(); ++i) {
    std::string caption = examples[i]["conversations"][1]["value"].get<std::string>();
    caption.erase(0, caption.find_first_not_of(' '));
    caption.erase(caption.find_last_not_of(' ') + 1);
    EXPECT_EQ(neox()->encode(caption + "<|endoftext|>"), dataset["align"][i]["input_ids"].get<Ids>())
        << caption;
  }
}

TEST(Encode, RunsOfSpacesAreTakenBeforeWords) {
  const Tokenizer& t = tiny_tokenizer();
  EXPECT_EQ(t.encode("a  b"), (Ids{t.single_token("a"), t.single_token("  "), t.single_token("b")}));
  EXPECT_EQ(t.encode(std::string(30, ' ')),
            (Ids{t.single_token(std::string(24, ' ')), t.single_token(std::string(6, ' '))}));
}

TEST(Encode, BytesThatAreNotUtf8BecomeTheReplacementCharacter) {
  EXPECT_EQ(tiny_tokenizer().encode("a\xff\xe4\xb8z"), tiny_tokenizer().encode("a\ufffd\ufffdz"));
}

TEST(Encode, PrefixSpaceGoesBeforeEachPiece) {
  TokenizerData data = TokenizerData::byte_level();
  data.add_prefix_space = true;
  const Tokenizer t(data);
  EXPECT_EQ(t.decode(t.encode("a<|endoftext|>b<|endoftext|> c")), " a<|endoftext|> b<|endoftext|> c");
  EXPECT_TRUE(t.encode("").empty());
}

/// About 0.1 s; merging by the definition takes minutes. The limit leaves room for sanitizers on a busy
/// machine.
TEST(Encode, LongWordsAreNotQuadratic) {
  const std::string word(100'000, 'a');
  EXPECT_LT(seconds_of([&] { tiny_tokenizer().encode(word); }), 2.0);
  EXPECT_EQ(tiny_tokenizer().decode(tiny_tokenizer().encode(word)), word);
  if (!neox()) return;
  Ids ids;
  EXPECT_LT(seconds_of([&] { ids = neox()->encode(word); }), 2.0);
  EXPECT_EQ(ids.size(), 12'500U);  // Hugging Face's count: tokens of eight
}

TEST(Encode, TooLongATextIsAnError) {
  const std::string text((16 << 20) + 1, ' ');
  EXPECT_THAT(error_of([&] { tiny_tokenizer().encode(text); }),
              HasSubstr("text of 16777217 bytes is too long"));
}

TEST(Tokenizer, SingleTokensAreThoseOfTheReference) {
  COBRA_SKIP_WITHOUT_NEOX();
  const Json reference = read_json(testing::reference("text_end_to_end.json"));
  ASSERT_GT(reference["string2idx"].size(), 20U);
  for (const auto& [text, id] : reference["string2idx"].items()) {
    EXPECT_EQ(neox()->single_token(text), id.get<int32_t>()) << text;
  }
  EXPECT_EQ(neox()->single_token("two words"), -1);
  EXPECT_EQ(neox()->single_token(""), -1);
}

TEST(Tokenizer, GptNeoxHasItsSizeAndSpecialTokens) {
  COBRA_SKIP_WITHOUT_NEOX();
  EXPECT_EQ(neox()->size(), 50277);
  EXPECT_EQ(neox()->eos_id(), 0);
  EXPECT_TRUE(neox()->is_special(0));
  EXPECT_TRUE(neox()->is_special(1));
  EXPECT_FALSE(neox()->is_special(50276));
  EXPECT_EQ(neox()->token_bytes(50276), "  ");
  EXPECT_EQ(neox()->token_bytes(1533), " world");
}

/// 60 ms is the aim; the limit leaves room for sanitizers on a busy machine.
TEST(Tokenizer, IsBuiltQuickly) {
  COBRA_SKIP_WITHOUT_NEOX();
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    TokenizerData data = neox()->data();
    best = std::min(best, seconds_of([&] { Tokenizer tokenizer(std::move(data)); }));
  }
  EXPECT_LT(best, 1.0);
}

TEST(Tokenizer, ByteLevelTakesAnyText) {
  const Tokenizer t(TokenizerData::byte_level());
  EXPECT_EQ(t.size(), 258);
  EXPECT_EQ(t.encode("A<|endoftext|>"), (Ids{2 + 'A', 0}));
  EXPECT_EQ(t.decode(t.encode("日本 <|padding|>\n")), "日本 <|padding|>\n");
}

TEST(Tokenizer, IdsOutsideTheVocabularyAreEmpty) {
  for (const int32_t id : {-1, 400 + 23, 1 << 30}) {
    EXPECT_EQ(tiny_tokenizer().token_bytes(id), "") << id;
    EXPECT_FALSE(tiny_tokenizer().is_special(id)) << id;
  }
}

struct BadData {
  const char* name;
  std::function<void(TokenizerData&)> spoil;
  const char* message;
};

class InconsistentData : public ::testing::TestWithParam<BadData> {};

TEST_P(InconsistentData, IsAnErrorThatSaysWhere) {
  TokenizerData data = TokenizerData::byte_level();
  data.source = "some.gguf";
  GetParam().spoil(data);
  EXPECT_THAT(error_of([&] { Tokenizer tokenizer(data); }), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Tokenizer, InconsistentData,
    ::testing::Values(
        BadData{"NoTokens", [](TokenizerData& d) { d.tokens.clear(); }, "some.gguf: no token for byte 0x00"},
        BadData{"MissingByte", [](TokenizerData& d) { d.tokens[2 + 'Q'].clear(); },
                "some.gguf: no token for byte 0x51"},
        BadData{"Twin", [](TokenizerData& d) { d.tokens.push_back("Q"); },
                "token 'Q' has two ids, 83 and 258"},
        BadData{"TooMany", [](TokenizerData& d) { d.tokens.resize(4'000'001); },
                "4000001 tokens, more than 4000000"},
        BadData{"UnknownLeft", [](TokenizerData& d) { d.merges = {"zz y"}; },
                "merge 0 'zz y': its left part 'zz' is not a token"},
        BadData{"UnknownRight", [](TokenizerData& d) { d.merges = {"y zz"}; },
                "merge 0 'y zz': its right part 'zz' is not a token"},
        BadData{"UnknownResult", [](TokenizerData& d) { d.merges = {"y z"}; },
                "merge 0 'y z': its result 'yz' is not a token"},
        BadData{"NoSpace", [](TokenizerData& d) { d.merges = {"yz"}; },
                "merge 0 is 'yz', expected two tokens"},
        BadData{"TwoSpaces", [](TokenizerData& d) { d.merges = {"y z x"}; },
                "merge 0 is 'y z x', expected two tokens"},
        BadData{"EosOutside", [](TokenizerData& d) { d.eos_id = 258; }, "eos id 258 is not in [0, 258)"},
        BadData{"EosNegative", [](TokenizerData& d) { d.eos_id = -1; }, "eos id -1 is not in [0, 258)"},
        BadData{"AddedOutside", [](TokenizerData& d) { d.added[0].id = 900; },
                "added token '<|endoftext|>': id 900 is not in [0, 258)"},
        BadData{"AddedElsewhere", [](TokenizerData& d) { d.added[0].id = 1; },
                "added token '<|endoftext|>': id 1 is the token '<|padding|>'"},
        BadData{"AddedLong",
                [](TokenizerData& d) { d.added[0].content = d.tokens[0] = std::string(257, 'x'); },
                "added token 0 has 257 bytes, expected 1 to 256"},
        BadData{"AddedEmpty", [](TokenizerData& d) { d.added[0].content = d.tokens[0] = ""; },
                "added token 0 has 0 bytes"},
        BadData{"AddedNotUtf8", [](TokenizerData& d) { d.added[0].content = d.tokens[0] = "\x80"; },
                "added token 0 is not valid UTF-8"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Tokenizer, BytesThatUtf8NeverHasNeedNoToken) {
  TokenizerData data = TokenizerData::byte_level();
  for (int byte = 0; byte < 256; ++byte) {
    if (!occurs_in_utf8(static_cast<uint8_t>(byte))) data.tokens[static_cast<size_t>(2 + byte)].clear();
  }
  EXPECT_EQ(Tokenizer(data).size(), 258 - 13);
}

}  // namespace
}  // namespace cobra
