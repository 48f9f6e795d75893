// Source: cobra/models/backbones/llm/prompting/{zephyr_prompter,mamba_prompter,base_prompter}.py of the
// official code.
#include "tokenizer/prompt.h"

#include "base/fail.h"
#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

/// What surrounds the messages of one template.
struct Wrapping {
  std::string_view name;
  std::string_view before_user;
  std::string_view after_user;
  std::string_view after_answer;
  std::string_view before_later_user;  // before the second human turn and those behind it
  bool right_strip_prompt;             // whether the prompt is shown without its trailing white space
};

const Wrapping& wrapping(PromptTemplate prompt_template) {
  static constexpr Wrapping kZephyr = {"zephyr",        "<|user|>\n", "<|endoftext|>\n<|assistant|>\n",
                                       "<|endoftext|>", "\n",         false};
  static constexpr Wrapping kMamba = {"mamba", "In: ", "\nOut: ", "<|endoftext|>", "\n", false};
  static constexpr Wrapping kPure = {"pure", "In: ", "\nOut: ", "</s>", "", true};
  switch (prompt_template) {
    case PromptTemplate::zephyr:
      return kZephyr;
    case PromptTemplate::mamba:
      return kMamba;
    case PromptTemplate::pure:
      return kPure;
  }
  fail("prompt template {} does not exist", static_cast<int>(prompt_template));
}

std::string wrap_user(const Wrapping& w, std::string_view message) {
  return std::string(w.before_user).append(message).append(w.after_user);
}

/// message.replace("<image>", "").strip()
std::string clean_message(std::string_view message) {
  return std::string(python_strip(replace_all(message, "<image>", "")));
}

std::string shown(const Wrapping& w, const std::string& turns) {
  return w.right_strip_prompt ? std::string(python_rstrip(turns)) : turns;
}

}  // namespace

PromptTemplate parse_prompt_template(std::string_view text) {
  for (const auto t : {PromptTemplate::zephyr, PromptTemplate::mamba, PromptTemplate::pure}) {
    if (text == name(t)) return t;
  }
  fail("prompt template must be zephyr, mamba or pure, found '{}'", printable(text));
}

std::string_view name(PromptTemplate prompt_template) { return wrapping(prompt_template).name; }

PromptTemplate prompt_template_of(std::string_view llm_backbone_id, const std::string& source) {
  if (llm_backbone_id.ends_with("zephyr")) return PromptTemplate::zephyr;
  if (llm_backbone_id.starts_with("mamba")) return PromptTemplate::mamba;
  fail(
      "{}: llm_backbone_id '{}' has no prompt template: expected a name that starts with mamba or ends in "
      "zephyr",
      source, printable(llm_backbone_id));
}

std::string PromptBuilder::add_user(std::string_view message) {
  check(turns_ % 2 == 0, "prompt: turn {} is an answer, but a human message was given", turns_);
  const Wrapping& w = wrapping(template_);
  const std::string wrapped = wrap_user(w, clean_message(message));
  return append_turn((turns_ == 0 ? std::string() : std::string(w.before_later_user)) + wrapped);
}

std::string PromptBuilder::add_answer(std::string_view message) {
  check(turns_ % 2 == 1, "prompt: turn {} is a human message, but an answer was given", turns_);
  std::string answer = clean_message(message);
  if (answer.empty()) answer.push_back(' ');
  return append_turn(answer.append(wrapping(template_).after_answer));
}

std::string PromptBuilder::append_turn(std::string text) {
  turns_text_ += text;
  prompt_ = shown(wrapping(template_), turns_text_);
  ++turns_;
  return text;
}

std::string PromptBuilder::potential_prompt(std::string_view message) const {
  const Wrapping& w = wrapping(template_);
  return shown(w, turns_text_ + wrap_user(w, message));
}

std::string single_turn_prompt(PromptTemplate prompt_template, std::string_view question) {
  PromptBuilder builder(prompt_template);
  builder.add_user(question);
  return builder.prompt();
}

std::string later_turn_prompt(PromptTemplate prompt_template, std::string_view question, bool answer_ended) {
  const Wrapping& w = wrapping(prompt_template);
  const std::string_view closing = answer_ended ? "" : w.after_answer;
  return shown(
      w, std::string(closing).append(w.before_later_user).append(wrap_user(w, clean_message(question))));
}

}  // namespace cobra
