// Generated ids to text, piece by piece, with stop texts.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace cobra {

/// Passes text on as soon as it is certain: whole characters, without leading white space, and nothing that
/// may turn out to be the start of a stop text.
class AnswerStream {
 public:
  /// `tokenizer` may be null (then there is no text). `on_text` may be empty; once it has said
  /// false, it is not called again.
  AnswerStream(const Tokenizer* tokenizer, std::vector<std::string> stop,
               std::function<bool(std::string_view)> on_text);

  /// Calls on_text once, be there text or not. False when generation should end: a stop text came
  /// (`stopped()`), or on_text said so.
  bool push(int32_t id);
  /// Emits what was held back, if anything was, unless a stop text came.
  void finish();

  bool stopped() const { return stop_at_ != std::string::npos; }
  /// All text so far, up to the stop text if one came.
  std::string_view text() const { return std::string_view(text_).substr(0, stop_at_); }

 private:
  std::unique_ptr<StreamDecoder> decoder_;
  std::vector<std::string> stop_;
  std::function<bool(std::string_view)> on_text_;
  std::string text_;
  size_t emitted_ = 0;
  bool wanted_ = true;  // until on_text says false
  size_t stop_at_ = std::string::npos;

  void take(std::string_view piece);
  bool emit(std::string_view piece);
  /// What has not been emitted of the text up to `end`; it counts as emitted from then on.
  std::string_view next_piece(size_t end);
  size_t held_back() const;
};

}  // namespace cobra
