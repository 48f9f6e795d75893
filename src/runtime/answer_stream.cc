#include "runtime/answer_stream.h"

#include <algorithm>

#include "tokenizer/unicode_text.h"

namespace cobra {

AnswerStream::AnswerStream(const Tokenizer* tokenizer, std::vector<std::string> stop,
                           std::function<bool(std::string_view)> on_text)
    : decoder_(tokenizer ? std::make_unique<StreamDecoder>(*tokenizer) : nullptr),
      stop_(std::move(stop)),
      on_text_(std::move(on_text)) {
  std::erase(stop_, "");
}

bool AnswerStream::push(int32_t id) {
  if (!decoder_) return emit({});
  take(decoder_->push(id));
  const bool wanted = emit(next_piece(stopped() ? stop_at_ : text_.size() - held_back()));
  return wanted && !stopped();
}

void AnswerStream::finish() {
  if (!decoder_ || stopped()) return;
  take(decoder_->finish());
  const std::string_view rest = next_piece(stopped() ? stop_at_ : text_.size());
  if (!rest.empty()) emit(rest);
}

bool AnswerStream::emit(std::string_view piece) {
  wanted_ = wanted_ && (!on_text_ || on_text_(piece));
  return wanted_;
}

void AnswerStream::take(std::string_view piece) {
  // A stop text may begin before this piece; look back as far as one could.
  size_t longest = 1;
  for (const std::string& stop : stop_) longest = std::max(longest, stop.size());
  const size_t from = text_.size() - std::min(text_.size(), longest - 1);
  text_ += piece;
  for (const std::string& stop : stop_) stop_at_ = std::min(stop_at_, text_.find(stop, from));
}

/// Bytes at the end that may be the beginning of a stop text.
size_t AnswerStream::held_back() const {
  size_t held = 0;
  for (const std::string& stop : stop_) {
    for (size_t n = std::min(stop.size() - 1, text_.size()); n > held; --n) {
      if (std::string_view(text_).ends_with(std::string_view(stop).substr(0, n))) held = n;
    }
  }
  return held;
}

std::string_view AnswerStream::next_piece(size_t end) {
  if (end <= emitted_) return {};
  std::string_view piece = std::string_view(text_).substr(emitted_, end - emitted_);
  if (emitted_ == 0) {
    const std::string_view trimmed = python_strip(piece);
    if (trimmed.empty()) return {};  // leading white space: wait
    piece.remove_prefix(static_cast<size_t>(trimmed.data() - piece.data()));
  }
  emitted_ = end;
  return piece;
}

}  // namespace cobra
