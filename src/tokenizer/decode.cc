// Ids back to text, whole or as a stream.
#include <array>
#include <utility>

#include "tokenizer/tokenizer_impl.h"
#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

/// transformers' PreTrainedTokenizerBase.clean_up_tokenization: these replacements, one after the other.
std::string clean_up_tokenization(std::string text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kReplacements = {{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  for (const auto& [from, to] : kReplacements) text = replace_all(text, from, to);
  return text;
}

}  // namespace

std::string Tokenizer::decode(const std::vector<int32_t>& ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (!(skip_special && is_special(id))) bytes += token_bytes(id);
  }
  return replace_invalid_utf8(bytes);
}

std::string Tokenizer::decode_answer(const std::vector<int32_t>& ids) const {
  return clean_answer(decode(ids, /*skip_special=*/true));
}

std::string clean_answer(std::string_view text) {
  return std::string(python_strip(clean_up_tokenization(std::string(text))));
}

std::string StreamDecoder::push(int32_t id) {
  if (tokenizer_->is_special(id)) return {};
  pending_ += tokenizer_->token_bytes(id);
  const size_t certain = pending_.size() - incomplete_suffix(pending_);
  std::string text = replace_invalid_utf8(std::string_view(pending_).substr(0, certain));
  pending_.erase(0, certain);
  return text;
}

std::string StreamDecoder::finish() { return replace_invalid_utf8(std::exchange(pending_, {})); }

}  // namespace cobra
