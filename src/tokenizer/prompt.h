// Prompt templates of the official code (cobra/models/backbones/llm/prompting): Zephyr, plain Mamba, and
// "pure".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cobra {

/// The official tokenizers' truncation: a text prompt ends after so many tokens.
inline constexpr size_t kMaxTextTokens = 2048;

enum class PromptTemplate { zephyr, mamba, pure };
/// "zephyr", "mamba", "pure"; throws Error otherwise.
PromptTemplate parse_prompt_template(std::string_view text);
std::string_view name(PromptTemplate prompt_template);
/// As the official code picks it: ids ending in "zephyr" -> zephyr, other ids starting with "mamba" -> mamba;
/// otherwise throws Error "source: llm_backbone_id ...".
PromptTemplate prompt_template_of(std::string_view llm_backbone_id, const std::string& source);

/// Builds a conversation turn by turn, exactly as the official PromptBuilders do (quirks 27-29 of their code:
/// "<image>" is removed and the message stripped as Python's str.strip() does, an empty answer becomes one
/// space, ...).
class PromptBuilder {
 public:
  explicit PromptBuilder(PromptTemplate prompt_template) : template_(prompt_template) {}

  /// Appends a human turn (even turns) and returns the text it added; the reverse role order throws Error.
  std::string add_user(std::string_view message);
  /// Appends an answer (odd turns) and returns the text it added.
  std::string add_answer(std::string_view message);
  /// The whole prompt so far.
  const std::string& prompt() const { return prompt_; }
  /// The official get_potential_prompt: the prompt with `message` as next human turn, without adding it,
  /// unstripped.
  std::string potential_prompt(std::string_view message) const;

 private:
  std::string append_turn(std::string text);

  PromptTemplate template_;
  std::string turns_text_;  // all turns as added; `pure` shows them without trailing white space
  std::string prompt_;
  int turns_ = 0;
};

/// The prompt of one question: `prompt()` after one add_user.
std::string single_turn_prompt(PromptTemplate prompt_template, std::string_view question);

/// What the template adds for a later question; what stands behind an answer comes first, unless the model
/// wrote it itself. Turns may be tokenised one by one: "<|endoftext|>", a token of its own, stands between
/// them in every template of GPT-NeoX.
std::string later_turn_prompt(PromptTemplate prompt_template, std::string_view question, bool answer_ended);

}  // namespace cobra
