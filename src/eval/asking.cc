#include "eval/asking.h"

#include "cobra/session_batch.h"
#include "eval/benchmark.h"
#include "runtime/answer_scores.h"
#include "runtime/finite_logits.h"
#include "runtime/sampler.h"
#include "tokenizer/prompt.h"
#include "tokenizer/tokenizer.h"

namespace cobra::eval {

Asking::Asking(const Model& model, const std::vector<std::string>& answers, int64_t batch,
               std::function<void(const AskId&, Json)> done)
    : model_(model),
      answer_ids_(answers.empty() ? std::vector<int32_t>() : answer_ids(model, answers)),
      batch_(static_cast<size_t>(batch)),
      done_(std::move(done)) {}

void Asking::add(const AskId& id, const std::string& message, Session session) {
  std::vector<int32_t> prompt = model_.encode_question(message);
  if (prompt.size() > kMaxTextTokens) {
    prompt.resize(kMaxTextTokens);
    ++cut_prompts_;
  }
  waiting_.push_back({id, std::move(session), std::move(prompt), {}});
  if (waiting_.size() + active_.size() >= batch_) answer(batch_ / 2);
}

void Asking::answer(size_t most_left) {
  read_waiting();
  while (active_.size() > most_left) step_active();
}

void Asking::read_waiting() {
  std::vector<Session*> sessions;
  std::vector<std::vector<int32_t>> prompts;
  for (Slot& slot : waiting_) {
    sessions.push_back(&slot.session);
    prompts.push_back(std::move(slot.prompt));
  }
  read_tokens(sessions, prompts);
  for (Slot& slot : std::exchange(waiting_, {})) {
    if (answer_ids_.empty()) {
      take_next(std::move(slot), active_);
    } else {
      done_(slot.id, answer_probabilities(finite_logits(model_, slot.session.logits()), answer_ids_));
    }
  }
}

void Asking::step_active() {
  std::vector<Session*> sessions;
  std::vector<int32_t> ids;
  for (Slot& slot : active_) {
    sessions.push_back(&slot.session);
    ids.push_back(slot.tokens.back());
  }
  step(sessions, ids);
  std::vector<Slot> going_on;
  for (Slot& slot : active_) take_next(std::move(slot), going_on);
  active_ = std::move(going_on);
}

void Asking::take_next(Slot slot, std::vector<Slot>& going_on) {
  const int32_t id = argmax(finite_logits(model_, slot.session.logits()));
  slot.tokens.push_back(id);
  if (id == model_.config().eos_token_id || std::ssize(slot.tokens) == kMaxNewTokens) {
    done_(slot.id, model_.decode(slot.tokens));
  } else {
    going_on.push_back(std::move(slot));
  }
}

}  // namespace cobra::eval
