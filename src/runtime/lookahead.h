// Several generated tokens in one read of the weights, where what was said before tells what comes.
// Source: prompt lookup decoding (github.com/apoorvumang/prompt-lookup-decoding); exact speculation with
// recurrent states: one state is kept for each token that is tried.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cobra/session.h"

namespace cobra {

/// The longest draft: with the token before it 16 rows, which the fastest products make in one pass over the
/// weights.
inline constexpr int64_t kMaxDraft = 15;

/// Steps a session through generated tokens. A draft of what may follow, copied from where the last tokens
/// stood before, is read together with a token; while the tokens that come are those of the draft, their
/// logits are there already. The logits are the same bits as Session::step's, so the answer is the same
/// whatever the draft.
class Lookahead {
 public:
  /// Drafts of up to `draft_tokens` (0: none) are looked for in `text`: the prompt and the tokens generated
  /// so far. Session and text must outlive this, and the session is this one's alone until finish().
  Lookahead(Session& session, const std::vector<int32_t>& text, int64_t draft_tokens);
  ~Lookahead() { finish(); }
  Lookahead(const Lookahead&) = delete;
  Lookahead& operator=(const Lookahead&) = delete;

  /// Steps to the last token of the text: logits [vocab] after it, valid until the next step. At most `more`
  /// further ones are of use: a draft is no longer than that.
  std::span<const float> step(int64_t more);
  /// The session has then read every token that was stepped, and no other. Comes by itself at the end, so
  /// that this holds too where a callback throws.
  void finish();

  /// Tokens that were guessed, and those of them that came.
  int64_t drafted() const { return drafted_; }
  int64_t accepted() const { return accepted_; }

 private:
  Session& session_;
  const std::vector<int32_t>& text_;
  size_t draft_tokens_;
  std::vector<int32_t> ahead_;  // a token and the draft behind it
  TensorView<const float> logits_{nullptr, 0, 0};
  size_t stepped_ = 0;  // how many of `ahead_` have come
  int64_t drafted_ = 0, accepted_ = 0;

  std::span<const float> logits_of_last() const;
  void append_draft(size_t length);
};

}  // namespace cobra
