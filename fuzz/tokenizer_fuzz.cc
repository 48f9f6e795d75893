// Fuzz target of tokenizer.json, and of text: an input that does not start like a JSON object is text for a
// byte-level tokenizer, whose ids must decode to that text again.
#include <cstdlib>

#include "fuzz_file.h"
#include "tokenizer/tokenizer.h"

namespace {

using cobra::Tokenizer;
using cobra::TokenizerData;

void check_equal(const std::string& a, const std::string& b) {
  if (a != b) std::abort();
}

std::string stream(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  cobra::StreamDecoder decoder(tokenizer);
  std::string text;
  for (const int32_t id : ids) text += decoder.push(id);
  return text + decoder.finish();
}

/// Decoding gives the normalised text, which encodes to the same ids.
void round_trip(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<int32_t> ids = tokenizer.encode(text);
  const std::string decoded = tokenizer.decode(ids);
  if (tokenizer.encode(decoded) != ids) std::abort();
  check_equal(stream(tokenizer, ids), tokenizer.decode(ids, /*skip_special=*/true));
  tokenizer.decode_answer(ids);
}

void decode_bytes(const Tokenizer& tokenizer, const uint8_t* data, size_t size) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < size; ++i) ids.push_back(2 + data[i]);
  check_equal(stream(tokenizer, ids), tokenizer.decode(ids));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Tokenizer byte_level(TokenizerData::byte_level());
  if (size > 0 && data[0] != '{') {
    round_trip(byte_level, std::string_view(reinterpret_cast<const char*>(data), size));
    decode_bytes(byte_level, data, size);
    return 0;
  }
  return cobra::fuzz::run(data, size, [](const std::string& path) {
    const Tokenizer tokenizer(TokenizerData::from_json(path));
    tokenizer.decode(tokenizer.encode("It's  <|endoftext|> caf\xc3\xa9 \xff 123\n"));
  });
}
