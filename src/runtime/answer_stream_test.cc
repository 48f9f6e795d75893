// Streaming: whole characters, stop texts that come in pieces, white space in front.
#include "runtime/answer_stream.h"

#include <gtest/gtest.h>

namespace cobra {
namespace {

/// Feeds text byte by byte through the byte-level tokenizer.
struct Fed {
  std::vector<std::string> pieces;
  std::string emitted, text;
  bool stopped = false;
  size_t bytes_taken = 0, calls = 0;
};

Fed feed(const std::string& text, const std::vector<std::string>& stop) {
  const Tokenizer tokenizer(TokenizerData::byte_level());
  Fed fed;
  AnswerStream stream(&tokenizer, stop, [&](std::string_view piece) {
    ++fed.calls;
    if (!piece.empty()) fed.pieces.emplace_back(piece);
    fed.emitted += piece;
    return true;
  });
  for (const int32_t id : tokenizer.encode(text)) {
    ++fed.bytes_taken;
    if (!stream.push(id)) break;
  }
  stream.finish();
  fed.stopped = stream.stopped();
  fed.text = stream.text();
  return fed;
}

TEST(AnswerStream, PassesTextOnWithoutLeadingSpace) {
  const Fed fed = feed(" \n A dog.", {});
  EXPECT_EQ(fed.emitted, "A dog.");
  EXPECT_EQ(fed.pieces.size(), 6u);
  EXPECT_EQ(fed.calls, 9u) << "every token gives the caller a chance to stop, and no more";
  EXPECT_FALSE(fed.stopped);
}

TEST(AnswerStream, NeverSplitsACharacter) {
  for (const std::string& piece : feed("日本🐕é", {}).pieces) {
    EXPECT_NE(static_cast<unsigned char>(piece[0]) & 0xC0, 0x80) << "starts inside a character";
  }
  EXPECT_EQ(feed("日本🐕é", {}).emitted, "日本🐕é");
}

TEST(AnswerStream, IsSilentOnceTheCallerHasEnough) {
  const Tokenizer tokenizer(TokenizerData::byte_level());
  size_t calls = 0;
  AnswerStream stream(&tokenizer, {"STOP"}, [&](std::string_view) { return ++calls < 3; });
  const std::vector<int32_t> ids = tokenizer.encode("a STO");
  EXPECT_TRUE(stream.push(ids[0]));
  EXPECT_TRUE(stream.push(ids[1]));
  EXPECT_FALSE(stream.push(ids[2]));
  stream.finish();  // has what was held back
  EXPECT_EQ(calls, 3u);
}

TEST(AnswerStream, StopsBeforeTheStopText) {
  const Fed fed = feed("one two STOP three", {"STOP"});
  EXPECT_TRUE(fed.stopped);
  EXPECT_EQ(fed.text, "one two ");
  EXPECT_EQ(fed.emitted, "one two ");
  EXPECT_EQ(fed.bytes_taken, 12u) << "no further than the stop text's last byte";
}

TEST(AnswerStream, HoldsBackWhatMayBecomeAStopText) {
  EXPECT_EQ(feed("a STO b", {"STOP"}).emitted, "a STO b");
  EXPECT_EQ(feed("SSTOP", {"STOP"}).emitted, "S");
  EXPECT_EQ(feed("ababac", {"abac"}).text, "ab");
  EXPECT_EQ(feed("x\n\ny", {"\n\n", ""}).text, "x");
  const Fed held = feed("ends in ST", {"STOP"});
  EXPECT_EQ(held.emitted, "ends in ST");
  EXPECT_EQ(held.calls, held.bytes_taken + 1) << "the rest comes at the end, at once";
}

TEST(AnswerStream, TheEarliestOfSeveralStopTextsWins) {
  EXPECT_EQ(feed("ab cd ef", {"ef", "cd"}).text, "ab ");
}

TEST(AnswerStream, TheCallerCanStopWithoutAnyText) {
  AnswerStream stream(nullptr, {}, [](std::string_view) { return false; });
  EXPECT_FALSE(stream.push(5));
}

TEST(AnswerStream, WithoutATokenizerThereIsNoText) {
  AnswerStream stream(nullptr, {"x"}, {});
  EXPECT_TRUE(stream.push(5));
  stream.finish();
  EXPECT_EQ(stream.text(), "");
}

}  // namespace
}  // namespace cobra
