#include <gmock/gmock.h>

#include "tokenizer/tokenizer_test_data.h"

namespace cobra {
namespace {

using testing::neox;
using testing::tiny_tokenizer;
using Ids = std::vector<int32_t>;

std::string streamed(const Tokenizer& tokenizer, const Ids& ids) {
  StreamDecoder stream(tokenizer);
  std::string text;
  for (const int32_t id : ids) text += stream.push(id);
  return text + stream.finish();
}

const Tokenizer& bytes_only() {
  static const Tokenizer tokenizer(TokenizerData::byte_level());
  return tokenizer;
}

/// Ids of raw bytes under bytes_only(), which need not be UTF-8.
Ids ids_of_bytes(std::string_view bytes) {
  Ids ids;
  for (const char byte : bytes) ids.push_back(2 + static_cast<uint8_t>(byte));
  return ids;
}

TEST(Decode, EqualsHuggingFaceOnBrokenCharacters) {
  const Json cases = read_json(testing::tokenizer_fixture("cases.json"));
  ASSERT_GE(cases["decode"].size(), 100U);
  for (const Json& c : cases["decode"]) {
    const auto ids = c["ids"].get<Ids>();
    EXPECT_EQ(tiny_tokenizer().decode(ids), c["decoded"].get<std::string>()) << c.dump();
    EXPECT_EQ(tiny_tokenizer().decode(ids, true), c["decoded_skip_special"].get<std::string>()) << c.dump();
    EXPECT_EQ(streamed(tiny_tokenizer(), ids), c["decoded_skip_special"].get<std::string>()) << c.dump();
  }
}

TEST(Decode, EqualsTheReference) {
  COBRA_SKIP_WITHOUT_NEOX();
  const Json reference = read_json(testing::reference("tokenization.json"));
  for (const char* group : {"cases", "decode_cases"}) {
    ASSERT_GT(reference[group].size(), 0U);
    for (const Json& c : reference[group]) {
      const auto ids = c["ids"].get<Ids>();
      EXPECT_EQ(neox()->decode(ids), c["decoded"].get<std::string>()) << c.dump();
      EXPECT_EQ(neox()->decode(ids, true), c["decoded_skip_special"].get<std::string>()) << c.dump();
      EXPECT_EQ(streamed(*neox(), ids), c["decoded_skip_special"].get<std::string>()) << c.dump();
      if (c.contains("official_text")) {
        EXPECT_EQ(neox()->decode_answer(ids), c["official_text"].get<std::string>()) << c.dump();
      }
    }
  }
}

TEST(Decode, AnswersEqualTheReference) {
  COBRA_SKIP_WITHOUT_NEOX();
  const Json reference = read_json(testing::reference("text_end_to_end.json"));
  ASSERT_GT(reference["cases"].size(), 0U);
  for (const Json& c : reference["cases"]) {
    const auto ids = c["generated_ids"].get<Ids>();
    EXPECT_EQ(neox()->decode_answer(ids), c["text"].get<std::string>());
    EXPECT_EQ(streamed(*neox(), ids), c["raw_text_no_cleanup"].get<std::string>());
  }
}

TEST(Decode, AnswersAreCleanedUpAndStripped) {
  const auto answer = [](const char* text) { return bytes_only().decode_answer(bytes_only().encode(text)); };
  EXPECT_EQ(answer(" a . b ? c ! d , e"), "a. b? c! d, e");
  EXPECT_EQ(answer("do n't I 'm it 's we 've they 're ' x ' y"), "don't I'm it's we've they're'x'y");
  EXPECT_EQ(answer("\u3000\x1c yes\n<|endoftext|>\n"), "yes");
  EXPECT_EQ(answer(" \n "), "");
}

/// A token whose text is outside the byte alphabet is itself; one inside the alphabet is spelled bytes.
TEST(Decode, AddedTokensAreLiteralWhereTheyAreNotSpelledBytes) {
  TokenizerData data = TokenizerData::byte_level();
  for (const char* content : {"two words", "Ġq"}) {
    data.added.push_back({static_cast<int32_t>(data.tokens.size()), content, false, true});
    data.tokens.emplace_back(content);
  }
  EXPECT_EQ(Tokenizer(data).decode({258, 259}), "two words q");
}

TEST(StreamDecoder, HoldsBackAnIncompleteCharacter) {
  StreamDecoder stream(bytes_only());
  EXPECT_EQ(stream.push(2 + 0xe6), "");
  EXPECT_EQ(stream.push(2 + 0x97), "");
  EXPECT_EQ(stream.push(0), "") << "a special token gives nothing and interrupts nothing";
  EXPECT_EQ(stream.push(2 + 0xa5), "日");
  EXPECT_EQ(stream.push(2 + 'x'), "x");
  EXPECT_EQ(stream.push(2 + 0xf0), "");
  EXPECT_EQ(stream.push(2 + 'y'), "\ufffdy") << "what cannot be completed any more is certain";
  EXPECT_EQ(stream.push(2 + 0xe6), "");
  EXPECT_EQ(stream.finish(), "\ufffd");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoder, GivesTheSameTextAsDecodingAtOnce) {
  const std::string_view pieces[] = {"a",        "\x80",         "\xbf",     "\xc0",     "\xc3",
                                     "\xe0",     "\xe0\xa0",     "\xed\xa0", "\xed\x9f", "\xf0",
                                     "\xf0\x90", "\xf0\x8f",     "\xf4\x8f", "\xf4\x90", "\xff",
                                     "\xf5",     "\xf0\x9f\x98", "\xe6\x97", "é"};
  for (const std::string_view a : pieces) {
    for (const std::string_view b : pieces) {
      for (const std::string_view c : pieces) {
        const Ids ids = ids_of_bytes(std::string(a).append(b).append(c));
        ASSERT_EQ(streamed(bytes_only(), ids), bytes_only().decode(ids)) << ::testing::PrintToString(ids);
      }
    }
  }
}

}  // namespace
}  // namespace cobra
