#include "runtime/lookahead.h"

#include <algorithm>

#include "base/fail.h"
#include "runtime/session_impl.h"

namespace cobra {
namespace {

// The more of what was said last is found again, the likelier it goes on alike.
constexpr size_t kLongestMatch = 4, kShortestMatch = 2;

/// Where the last occurrence of the final `length` tokens before the end itself is followed; `size` when
/// there is none.
size_t continuation(const std::vector<int32_t>& text, size_t length) {
  if (text.size() <= length) return text.size();
  const auto tail = text.end() - static_cast<std::ptrdiff_t>(length);
  const auto found = std::find_end(text.begin(), text.end() - 1, tail, text.end());
  return found == text.end() - 1 ? text.size() : static_cast<size_t>(found - text.begin()) + length;
}

}  // namespace

Lookahead::Lookahead(Session& session, const std::vector<int32_t>& text, int64_t draft_tokens)
    : session_(session), text_(text), draft_tokens_(static_cast<size_t>(draft_tokens)) {
  check(draft_tokens >= 0 && draft_tokens <= kMaxDraft, "speculate: expected 0 (none) to {}, found {}",
        kMaxDraft, draft_tokens);
}

std::span<const float> Lookahead::step(int64_t more) {
  const int32_t id = text_.back();
  if (stepped_ < ahead_.size() && ahead_[stepped_] == id) {
    ++stepped_, ++accepted_;
    return logits_of_last();
  }
  finish();
  ahead_.push_back(id);
  append_draft(std::min(draft_tokens_, static_cast<size_t>(std::max<int64_t>(more, 0))));
  if (ahead_.size() == 1) {
    ahead_.clear();
    session_.step(id);
    return session_.logits();
  }
  logits_ = session_.impl().read_ahead(ahead_);
  stepped_ = 1;
  return logits_of_last();
}

void Lookahead::finish() {
  if (stepped_ > 0) session_.impl().keep_ahead(static_cast<int64_t>(stepped_));
  ahead_.clear();
  stepped_ = 0;
}

std::span<const float> Lookahead::logits_of_last() const {
  return {logits_.row(static_cast<int64_t>(stepped_) - 1), static_cast<size_t>(logits_.cols)};
}

void Lookahead::append_draft(size_t draft) {
  if (draft == 0) return;
  for (size_t length = kLongestMatch; length >= kShortestMatch; --length) {
    const size_t from = continuation(text_, length), size = text_.size();
    if (from == size) continue;
    // Past its end the text goes on as the draft does: what repeats itself is taken to go on repeating.
    for (size_t at = from; at < from + draft; ++at) {
      ahead_.push_back(at < size ? text_[at] : ahead_[1 + at - size]);
    }
    drafted_ += static_cast<int64_t>(draft);
    return;
  }
}

}  // namespace cobra
