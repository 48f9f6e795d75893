#include "tokenizer/bpe_training.h"

#include <algorithm>
#include <utility>

#include "base/fail.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

using Pair = std::pair<int32_t, int32_t>;

struct Word {
  std::vector<int32_t> ids;
  int64_t count;
};

std::map<Pair, int64_t> count_pairs(const std::vector<Word>& words) {
  std::map<Pair, int64_t> counts;
  for (const Word& word : words) {
    for (size_t i = 1; i < word.ids.size(); ++i) counts[{word.ids[i - 1], word.ids[i]}] += word.count;
  }
  return counts;
}

/// Leftmost occurrences first, as encoding merges.
void merge(const Pair& pair, int32_t result, std::vector<int32_t>& ids) {
  size_t kept = 0;
  for (size_t i = 0; i < ids.size(); ++i, ++kept) {
    const bool found = i + 1 < ids.size() && ids[i] == pair.first && ids[i + 1] == pair.second;
    ids[kept] = found ? result : ids[i];
    i += found;
  }
  ids.resize(kept);
}

}  // namespace

BpeTraining::BpeTraining(std::vector<std::string> special) : special_(std::move(special)) {}

void BpeTraining::add(std::string_view text) {
  while (!text.empty()) {
    size_t begin = text.size(), length = 0;
    for (const std::string& token : special_) {
      const size_t found = text.find(token);
      if (found < begin) begin = found, length = token.size();
    }
    add_words(text.substr(0, begin));
    text.remove_prefix(begin + length);
  }
}

void BpeTraining::add_words(std::string_view raw) {
  const std::string text = to_nfc(replace_invalid_utf8(raw));
  for (size_t begin = 0, end; begin < text.size(); begin = end) {
    end = word_end(text, begin);
    ++words_[text.substr(begin, end - begin)];
  }
}

TokenizerData BpeTraining::finish(int64_t vocab_size) const {
  TokenizerData data;
  data.tokens = special_;
  for (size_t i = 0; i < special_.size(); ++i) {
    data.added.push_back({static_cast<int32_t>(i), special_[i], /*special=*/true, /*normalized=*/false});
    if (special_[i] == "<|endoftext|>") data.eos_id = static_cast<int32_t>(i);
  }
  int32_t id_of_byte[256] = {};
  for (int byte = 0; byte < 256; ++byte) {
    if (!occurs_in_utf8(static_cast<uint8_t>(byte))) continue;
    id_of_byte[byte] = static_cast<int32_t>(data.tokens.size());
    data.tokens.emplace_back(spelling_of_byte(static_cast<uint8_t>(byte)));
  }
  check(vocab_size >= static_cast<int64_t>(data.tokens.size()),
        "a vocabulary of {} tokens is too small: special tokens and bytes are {}", vocab_size,
        data.tokens.size());

  std::vector<Word> words;
  for (const auto& [text, count] : words_) {
    Word word{{}, count};
    for (const char byte : text) word.ids.push_back(id_of_byte[static_cast<uint8_t>(byte)]);
    words.push_back(std::move(word));
  }
  while (static_cast<int64_t>(data.tokens.size()) < vocab_size) {
    const std::map<Pair, int64_t> counts = count_pairs(words);
    const auto best = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == counts.end() || best->second < 2) break;
    const auto [left, right] = best->first;
    const std::string &a = data.tokens[static_cast<size_t>(left)],
                      &b = data.tokens[static_cast<size_t>(right)];
    data.merges.push_back(a + " " + b);
    const auto result = static_cast<int32_t>(data.tokens.size());
    data.tokens.push_back(a + b);
    for (Word& word : words) merge(best->first, result, word.ids);
  }
  return data;
}

Json tokenizer_json(const TokenizerData& data) {
  Json added = Json::array();
  for (const AddedToken& token : data.added) {
    added.push_back({{"id", token.id},
                     {"content", token.content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", token.normalized},
                     {"special", token.special}});
  }
  Json vocab = Json::object();
  for (size_t i = data.added.size(); i < data.tokens.size(); ++i) vocab[data.tokens[i]] = i;
  const Json bytes = {
      {"type", "ByteLevel"}, {"add_prefix_space", data.add_prefix_space}, {"trim_offsets", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", data.nfc ? Json{{"type", "NFC"}} : Json()},
          {"pre_tokenizer", bytes},
          {"post_processor", bytes},
          {"decoder", bytes},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"vocab", vocab},
            {"merges", data.merges}}}};
}

}  // namespace cobra
