// Encoding, in the order of Hugging Face's library: added tokens of the raw text, NFC of what lies between,
// added tokens of the normalised text, words, bytes, merges.
#include "tokenizer/tokenizer.h"

#include <utility>

#include "base/fail.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer_impl.h"
#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

/// Longest text `encode` takes: a word of that size needs half a GiB of working memory.
constexpr size_t kMaxTextBytes = size_t{16} << 20;

/// Calls `between` for the text before, between and behind the matches (never empty) and `matched` with their
/// ids.
template <typename Between, typename Matched>
void split_at_added(const AddedTokenMatcher& matcher, std::string_view text, Between between,
                    Matched matched) {
  for (size_t at = 0; at < text.size();) {
    const AddedTokenMatcher::Match match = matcher.find(text, at);
    if (match.begin > at) between(text.substr(at, match.begin - at));
    if (match.id >= 0) matched(match.id);
    at = match.end;
  }
}

class Encoder {
 public:
  Encoder(const Vocabulary& vocabulary, const TokenizerData& data) : vocabulary_(vocabulary), data_(data) {}

  std::vector<int32_t> encode(std::string_view text) {
    const auto append = [this](int32_t id) { ids_.push_back(id); };
    split_at_added(
        vocabulary_.raw_added(), text,
        [&](std::string_view raw) {
          const std::string normalized = data_.nfc ? to_nfc(raw) : std::string(raw);
          split_at_added(
              vocabulary_.normalized_added(), normalized,
              [this](std::string_view piece) { encode_piece(piece); }, append);
        },
        append);
    return std::move(ids_);
  }

 private:
  /// Text without added tokens. A prefix space goes before each such piece, not only before the first.
  void encode_piece(std::string_view piece) {
    std::string prefixed;
    if (data_.add_prefix_space && !piece.starts_with(' ')) piece = prefixed = std::string(" ").append(piece);
    for (size_t begin = 0, end = 0; begin < piece.size(); begin = end) {
      end = word_end(piece, begin);
      encode_word(piece.substr(begin, end - begin));
    }
  }

  void encode_word(std::string_view word) {
    word_.clear();
    for (const char byte : word) word_.push_back(vocabulary_.id_of_byte(static_cast<uint8_t>(byte)));
    merge_word(vocabulary_.merges(), word_, scratch_, ids_);
  }

  const Vocabulary& vocabulary_;
  const TokenizerData& data_;
  std::vector<int32_t> ids_;
  std::vector<int32_t> word_;
  BpeScratch scratch_;
};

}  // namespace

Tokenizer::Tokenizer(TokenizerData data) : impl_(std::make_unique<Impl>(std::move(data))) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  check(text.size() <= kMaxTextBytes, "text of {} bytes is too long to tokenize (limit {})", text.size(),
        kMaxTextBytes);
  return Encoder(impl_->vocabulary, impl_->data).encode(replace_invalid_utf8(text));
}

std::string_view Tokenizer::token_bytes(int32_t id) const { return impl_->vocabulary.bytes(id); }
bool Tokenizer::is_special(int32_t id) const { return impl_->vocabulary.is_special(id); }
int32_t Tokenizer::eos_id() const { return impl_->data.eos_id; }
int64_t Tokenizer::size() const { return impl_->vocabulary.size(); }
const TokenizerData& Tokenizer::data() const { return impl_->data; }

int32_t Tokenizer::single_token(std::string_view text) const {
  const std::vector<int32_t> ids = encode(text);
  return ids.size() == 1 ? ids[0] : -1;
}

}  // namespace cobra
