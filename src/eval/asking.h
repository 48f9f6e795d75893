// Asking many prompts: they are read together, and their answers decoded together.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cobra/session.h"
#include "formats/json.h"

namespace cobra::eval {

/// One prompt of a question: its place in the index, and among the question's asks.
struct AskId {
  size_t question;
  size_t ask;
};

/// Up to `batch` prompts at a time. Prompts wait until a batch is full; a finished answer leaves it, and new
/// ones are read once half of it is free, because reading one prompt costs almost as much as reading several.
class Asking {
 public:
  /// `answers` is the closed set, or empty for open answers: greedy, at most kMaxNewTokens tokens. `done`
  /// takes each output: a string in the official decoding, or the array of the answers' probabilities.
  Asking(const Model& model, const std::vector<std::string>& answers, int64_t batch,
         std::function<void(const AskId&, Json)> done);

  /// Asks `message`, in the model's prompt template, of a session that has read the picture.
  void add(const AskId& id, const std::string& message, Session session);
  /// Answers all that were added.
  void finish() { answer(0); }

  /// Prompts that were longer than kMaxTextTokens and lost their end, as in the official code.
  int64_t cut_prompts() const { return cut_prompts_; }

 private:
  struct Slot {
    AskId id;
    Session session;
    std::vector<int32_t> prompt;
    std::vector<int32_t> tokens;  // generated
  };

  const Model& model_;
  const std::vector<int32_t> answer_ids_;
  const size_t batch_;
  const std::function<void(const AskId&, Json)> done_;
  std::vector<Slot> waiting_, active_;
  int64_t cut_prompts_ = 0;

  void answer(size_t most_left);
  void read_waiting();
  void step_active();
  void take_next(Slot slot, std::vector<Slot>& going_on);
};

}  // namespace cobra::eval
