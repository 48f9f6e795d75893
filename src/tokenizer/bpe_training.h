// Learns a byte-level BPE vocabulary from text (Sennrich et al. 2016, on bytes as GPT-2 has it).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json.h"
#include "tokenizer/tokenizer.h"

namespace cobra {

class BpeTraining {
 public:
  /// `special` tokens have the first ids and are never parts of words. "<|endoftext|>" must be among them.
  explicit BpeTraining(std::vector<std::string> special);

  /// Counts the words of UTF-8 text, as the tokenizer will split it.
  void add(std::string_view text);

  /// Special tokens, the bytes that occur in UTF-8, and a merge at a time the most frequent pair of
  /// neighbours (the first in order of ids where counts are equal) until there are `vocab_size` tokens or no
  /// pair occurs twice. The work is the number of different words times the number of merges. Throws Error
  /// for a `vocab_size` that does not hold the bytes.
  TokenizerData finish(int64_t vocab_size) const;

 private:
  std::vector<std::string> special_;
  std::map<std::string, int64_t> words_;  // and how often each occurs

  void add_words(std::string_view text);
};

/// What Hugging Face's tokenizers library reads as tokenizer.json.
Json tokenizer_json(const TokenizerData& data);

}  // namespace cobra
