#include <gmock/gmock.h>

#include <functional>

#include "tokenizer/tokenizer_test_data.h"

namespace cobra {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::neox;
using testing::TemporaryFolder;
using testing::tiny_tokenizer;
using Texts = std::vector<std::string>;

TokenizerData round_trip(const TokenizerData& data, int64_t padded_size) {
  const TemporaryFolder folder;
  GgufWriter writer(folder.file("t.gguf"));
  data.to_gguf(writer, padded_size);
  writer.finish();
  return TokenizerData::from_gguf(GgufFile(folder.file("t.gguf")));
}

void expect_same(const TokenizerData& a, const TokenizerData& b) {
  EXPECT_EQ(Tokenizer(a).size(), Tokenizer(b).size());
  EXPECT_EQ(a.merges, b.merges);
  EXPECT_EQ(a.nfc, b.nfc);
  EXPECT_EQ(a.add_prefix_space, b.add_prefix_space);
  EXPECT_EQ(a.eos_id, b.eos_id);
  ASSERT_EQ(a.added.size(), b.added.size());
  for (size_t i = 0; i < a.added.size(); ++i) {
    EXPECT_EQ(a.added[i].id, b.added[i].id);
    EXPECT_EQ(a.added[i].content, b.added[i].content);
    EXPECT_EQ(a.added[i].special, b.added[i].special) << a.added[i].content;
    EXPECT_EQ(a.added[i].normalized, b.added[i].normalized) << a.added[i].content;
  }
}

TEST(TokenizerGguf, RoundTripKeepsEverything) {
  TokenizerData data = tiny_tokenizer().data();
  const size_t count = data.tokens.size();
  TokenizerData back = round_trip(data, static_cast<int64_t>(count) + 5);
  EXPECT_EQ(back.tokens.size(), count + 5);
  EXPECT_EQ(back.tokens.back(), "") << "padding is no token";
  back.tokens.resize(count);
  EXPECT_EQ(back.tokens, data.tokens);
  expect_same(data, back);

  data.nfc = false;
  data.add_prefix_space = true;
  data.eos_id = 1;
  data.added.back().normalized = false;
  expect_same(data, round_trip(data, static_cast<int64_t>(count)));
}

TEST(TokenizerGguf, NoTokenizer) {
  const TemporaryFolder folder;
  const auto file_with = [&](const std::function<void(GgufWriter&)>& add) {
    GgufWriter writer(folder.file("t.gguf"));
    add(writer);
    writer.finish();
    return GgufFile(folder.file("t.gguf"));
  };
  const auto model = [](const char* name) {
    return [name](GgufWriter& writer) { writer.set("tokenizer.ggml.model", std::string(name)); };
  };
  EXPECT_FALSE(TokenizerData::in_gguf(file_with(TokenizerData::none_to_gguf)));
  EXPECT_FALSE(TokenizerData::in_gguf(file_with([](GgufWriter&) {})));
  EXPECT_FALSE(TokenizerData::in_gguf(file_with(model("no_vocab"))));
  EXPECT_TRUE(TokenizerData::in_gguf(file_with(model("gpt2"))));
  EXPECT_TRUE(TokenizerData::in_gguf(file_with(model("llama")))) << "one that from_gguf refuses";
}

TEST(TokenizerGguf, RoundTripOfGptNeoxGivesTheSameIds) {
  COBRA_SKIP_WITHOUT_NEOX();
  const TokenizerData back = round_trip(neox()->data(), 50280);
  expect_same(neox()->data(), back);
  const std::string text = "<|user|>\nWhat's  in the   café?<|endoftext|>\n";
  EXPECT_EQ(Tokenizer(back).encode(text), neox()->encode(text));
}

TEST(TokenizerGguf, WritesWhatLlamaCppReads) {
  const TemporaryFolder folder;
  GgufWriter writer(folder.file("t.gguf"));
  tiny_tokenizer().data().to_gguf(writer, 500);
  writer.finish();
  const GgufFile file(folder.file("t.gguf"));
  EXPECT_EQ(file.text("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(file.text("tokenizer.ggml.pre"), "mpt");
  EXPECT_EQ(file.texts("tokenizer.ggml.tokens").size(), 500U);
  EXPECT_EQ(file.texts("tokenizer.ggml.tokens")[499], "[PAD499]");
  const auto& types = file.integers("tokenizer.ggml.token_type");
  EXPECT_EQ(types[0], 3);
  EXPECT_EQ(types[2], 1);
  EXPECT_EQ(types[static_cast<size_t>(tiny_tokenizer().single_token("  "))], 4);
  EXPECT_EQ(types[499], 5);
  EXPECT_EQ(file.integer("tokenizer.ggml.eos_token_id"), 0);
  EXPECT_EQ(file.integer("tokenizer.ggml.padding_token_id"), 1);
  EXPECT_FALSE(file.boolean("tokenizer.ggml.add_bos_token", true));
}

TEST(TokenizerGguf, TooSmallAPaddedSizeIsAnError) {
  EXPECT_THAT(error_of([] { round_trip(TokenizerData::byte_level(), 257); }),
              HasSubstr("258 tokens do not fit a vocabulary of 257"));
}

/// The metadata of a file that some other program wrote.
class ForeignGguf : public ::testing::Test {
 protected:
  ForeignGguf() {
    tokens = TokenizerData::byte_level().tokens;
    tokens.insert(tokens.end(), {"ab", "   ", "[PAD260]"});
    types.assign(tokens.size(), 1);
  }

  TokenizerData read() {
    GgufWriter writer(folder.file("foreign.gguf"));
    writer.set("tokenizer.ggml.model", model);
    if (!pre.empty()) writer.set("tokenizer.ggml.pre", pre);
    writer.set("tokenizer.ggml.tokens", tokens);
    if (!types.empty()) writer.set("tokenizer.ggml.token_type", types);
    writer.set("tokenizer.ggml.merges", merges);
    writer.set("tokenizer.ggml.eos_token_id", eos);
    writer.finish();
    return TokenizerData::from_gguf(GgufFile(folder.file("foreign.gguf")));
  }

  void expect_usual_tokenizer() {
    const Tokenizer tokenizer(read());
    EXPECT_EQ(tokenizer.encode("ab   <|endoftext|><|padding|>"), (std::vector<int32_t>{258, 259, 0, 1}));
    EXPECT_TRUE(tokenizer.is_special(0));
    EXPECT_FALSE(tokenizer.is_special(259));
    EXPECT_EQ(tokenizer.decode({260}), "") << "padding is no token";
  }

  TemporaryFolder folder;
  std::string model = "gpt2";
  std::string pre;
  Texts tokens;
  Texts merges = {"a b"};
  std::vector<int64_t> types;
  int64_t eos = 0;
};

TEST_F(ForeignGguf, TokenTypesNameTheAddedTokens) {
  types[0] = types[1] = 3;
  types[259] = 4;
  types[260] = 5;
  pre = "olmo";
  expect_usual_tokenizer();
}

TEST_F(ForeignGguf, PaddingMayBeMarkedAsUserDefined) {
  types[0] = types[1] = 3;
  types[259] = types[260] = 4;
  expect_usual_tokenizer();
}

TEST_F(ForeignGguf, AddedTokensAreFoundWhereAllTypesAreNormal) { expect_usual_tokenizer(); }

TEST_F(ForeignGguf, AddedTokensAreFoundWithoutTypes) {
  types.clear();
  expect_usual_tokenizer();
}

TEST_F(ForeignGguf, TheEndOfTextMayHaveAnyName) {
  tokens[0] = "</s>";
  EXPECT_EQ(Tokenizer(read()).encode("a</s>"), (std::vector<int32_t>{2 + 'a', 0}));
  eos = 2 + '!';  // an ordinary token stays one
  EXPECT_FALSE(Tokenizer(read()).is_special(2 + '!'));
}

TEST_F(ForeignGguf, OtherSplitsAndModelsAreErrors) {
  pre = "llama-bpe";
  EXPECT_THAT(error_of([&] { read(); }), HasSubstr("tokenizer.ggml.pre must be one of default, gpt-2"));
  EXPECT_THAT(error_of([&] { read(); }), HasSubstr("foreign.gguf: "));
  model = "llama";
  EXPECT_THAT(error_of([&] { read(); }),
              HasSubstr("tokenizer.ggml.model must be 'gpt2' (byte-level BPE), found 'llama'"));
}

TEST_F(ForeignGguf, WrongTypesAndIdsAreErrors) {
  eos = 261;
  EXPECT_THAT(error_of([&] { read(); }),
              HasSubstr("tokenizer.ggml.eos_token_id must be in [0, 261), found 261"));
  types[7] = 9;
  eos = 0;
  EXPECT_THAT(error_of([&] { read(); }), HasSubstr("tokenizer.ggml.token_type[7] must be 1 to 6, found 9"));
  types.pop_back();
  EXPECT_THAT(error_of([&] { read(); }), HasSubstr("tokenizer.ggml.token_type has 260 entries"));
}

}  // namespace
}  // namespace cobra
