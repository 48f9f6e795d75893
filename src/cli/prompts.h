// What is asked: questions in the model's template, raw text, or token ids.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cobra/model.h"

namespace cobra {

/// -p, --raw-prompt and --prompt-ids; each may be repeated, but one command line has one kind only.
struct PromptFlags {
  CLI::Option* questions = nullptr;
  CLI::Option* raw_texts = nullptr;
  CLI::Option* id_lists = nullptr;
};
void add_prompt_flags(CLI::App& command, PromptFlags& flags);

struct Prompt {
  std::string text;  // as the user gave it: the question, the raw text or the list of ids
  std::vector<int32_t> ids;
};

/// The flags' prompts as ids of `model`. A text of more than 2048 tokens is cut on the right, as the official
/// code does, with a warning on stderr. Throws UsageError when there is no prompt or more than one kind, and
/// Error for what the model cannot read: text without a tokenizer, ids out of its vocabulary.
std::vector<Prompt> read_prompts(const PromptFlags& flags, const Model& model);

/// "1, 2,3" -> ids from 0 to `limit` - 1. `what` begins the Error.
std::vector<int32_t> parse_ids(std::string_view text, int64_t limit, std::string_view what);

}  // namespace cobra
