#include "cli/conversation.h"

#include <utility>

#include "base/fail.h"
#include "cli/picture.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

constexpr size_t kMaxMessageTokens = 2048;  // as long as a prompt may be

PromptTemplate template_of(const Model& model) {
  return parse_prompt_template(model.config().prompt_template);
}

/// What the template puts behind an answer, e.g. "<|endoftext|>".
std::string answer_closing(PromptTemplate prompt_template) {
  PromptBuilder probe(prompt_template);
  probe.add_user("x");
  return probe.add_answer("x").substr(1);
}

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
  turns_.push_back({message, {}});
  return generate_answer(ids);
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

// Turns may be tokenised one by one: "<|endoftext|>", a token of its own, stands between them in every
// template of GPT-NeoX.
std::vector<int32_t> Conversation::encode_turn(const std::string& message) const {
  std::string text = builder_after_turns().add_user(message);
  // An end token that the model wrote itself is already in the session.
  if (!turns_.empty() && !answer_is_complete()) text.insert(0, answer_closing(template_of(*model_)));
  std::vector<int32_t> ids = model_->encode(text);
  check(ids.size() <= kMaxMessageTokens, "the message has {} tokens, at most {} are read", ids.size(),
        kMaxMessageTokens);
  return ids;
}

/// Only the number of turns matters for the text that the next turn adds.
PromptBuilder Conversation::builder_after_turns() const {
  PromptBuilder builder(template_of(*model_));
  for (size_t i = 0; i < turns_.size(); ++i) {
    builder.add_user("x");
    builder.add_answer("x");
  }
  return builder;
}

std::string Conversation::answer_text(const Turn& turn) const {
  return model_->decode(turn.answer);
}

}  // namespace cobra
