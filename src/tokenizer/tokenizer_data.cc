#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace cobra {

TokenizerData TokenizerData::byte_level() {
  TokenizerData data;
  for (const char* content : {"<|endoftext|>", "<|padding|>"}) {
    data.added.push_back(
        {static_cast<int32_t>(data.tokens.size()), content, /*special=*/true, /*normalized=*/false});
    data.tokens.emplace_back(content);
  }
  for (int byte = 0; byte < 256; ++byte)
    data.tokens.emplace_back(spelling_of_byte(static_cast<uint8_t>(byte)));
  data.source = "byte-level tokenizer";
  return data;
}

}  // namespace cobra
