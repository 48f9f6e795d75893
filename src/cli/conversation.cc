#include "cli/conversation.h"

#include <utility>

#include "base/fail.h"
#include "cli/picture.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

constexpr size_t kMaxMessageTokens = 2048;  // as long as a prompt may be

}  // namespace

Conversation::Conversation(const Model& model, GenerateOptions options, ImageCacheOptions cache)
    : model_(&model), options_(std::move(options)), cache_(model, std::move(cache)), session_(model) {
  check(model.tokenizer() != nullptr, "the model has no tokenizer, so it cannot chat");
  if (options_.eos_token_id == -2) options_.eos_token_id = model.config().eos_token_id;
}

void Conversation::reset() {
  if (!picture_.empty() && !opening_) return show_picture(std::string(picture_));
  session_ = opening_ ? opening_->fork() : Session(*model_);
  turns_.clear();
}

void Conversation::show_picture(const std::string& path) {
  opening_ = read_picture(cache_, path).session;
  picture_ = path;
  reset();
}

GenerateResult Conversation::ask(const std::string& message) {
  const std::vector<int32_t> ids = encode_turn(message);
  const int64_t before = session_.position();
  turns_.push_back({message, {}});
  try {
    return generate_answer(ids);
  } catch (...) {
    if (stands_at(before)) turns_.pop_back();  // nothing of it was read
    throw;
  }
}

bool Conversation::stands_at(int64_t position) const {
  try {
    return session_.position() == position;
  } catch (const Error&) {
    return false;  // a read was broken off
  }
}

GenerateResult Conversation::continue_answer() {
  check(!turns_.empty(), "there is no answer to go on with");
  check(!answer_is_complete(), "the answer is complete");
  return generate_answer({});
}

GenerateResult Conversation::generate_answer(const std::vector<int32_t>& ids) {
  GenerateResult result = generate(session_, ids, options_, /*read_last=*/true);
  std::vector<int32_t>& answer = turns_.back().answer;
  answer.insert(answer.end(), result.tokens.begin(), result.tokens.end());
  return result;
}

bool Conversation::answer_is_complete() const {
  const std::vector<int32_t>& answer = turns_.back().answer;
  return !answer.empty() && answer.back() == options_.eos_token_id;
}

std::vector<int32_t> Conversation::encode_turn(const std::string& message) const {
  std::vector<int32_t> ids = turns_.empty() ? model_->encode_question(message)
                                            : model_->encode_next_question(message, answer_is_complete());
  check(ids.size() <= kMaxMessageTokens, "the message has {} tokens, at most {} are read", ids.size(),
        kMaxMessageTokens);
  return ids;
}

std::string Conversation::answer_text(const Turn& turn) const { return model_->decode(turn.answer); }

}  // namespace cobra
