#include "cli/prompts.h"

#include <charconv>

#include "base/fail.h"
#include "cli/options.h"
#include "cli/output.h"
#include "tokenizer/prompt.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

const Tokenizer& require_tokenizer(const Model& model) {
  const Tokenizer* tokenizer = model.tokenizer();
  if (!tokenizer) fail("the model has no tokenizer, so it reads --prompt-ids only, no text");
  return *tokenizer;
}

std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<int32_t> ids = tokenizer.encode(text);
  if (ids.size() > kMaxTextTokens) {
    say_error(
        fmt::format("warning: a prompt of {} tokens was cut to its first {}", ids.size(), kMaxTextTokens));
    ids.resize(kMaxTextTokens);
  }
  return ids;
}

std::string_view trim_spaces(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

int32_t parse_id(std::string_view text, int64_t limit, std::string_view what) {
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  check(error == std::errc() && end == text.data() + text.size() && id >= 0 && id < limit,
        "{}: expected ids from 0 to {} with commas between them, found '{}'", what, limit - 1,
        printable(text, 40));
  return static_cast<int32_t>(id);
}

void check_one_kind(const PromptFlags& flags) {
  const int kinds = (flags.questions->empty() ? 0 : 1) + (flags.raw_texts->empty() ? 0 : 1) +
                    (flags.id_lists->empty() ? 0 : 1);
  if (kinds == 0) throw UsageError("a prompt is needed: -p, --raw-prompt or --prompt-ids");
  if (kinds > 1) throw UsageError("-p, --raw-prompt and --prompt-ids cannot be mixed");
}

}  // namespace

void add_prompt_flags(CLI::App& command, PromptFlags& flags) {
  flags.questions =
      add_repeated_text(command, "-p,--prompt", "Question, put into the model's prompt template");
  flags.raw_texts = add_repeated_text(command, "--raw-prompt", "Prompt text as it is, without a template");
  flags.id_lists = add_repeated_text(command, "--prompt-ids", "Prompt as token ids")->type_name("N,N,...");
}

std::vector<Prompt> read_prompts(const PromptFlags& flags, const Model& model) {
  check_one_kind(flags);
  std::vector<Prompt> prompts;
  for (const std::string& text : flags.id_lists->results()) {
    prompts.push_back({text, parse_ids(text, model.config().mamba.vocab_size, "--prompt-ids")});
  }
  for (const std::string& text : flags.raw_texts->results()) {
    prompts.push_back({text, encode_prompt(require_tokenizer(model), text)});
  }
  for (const std::string& question : flags.questions->results()) {
    const PromptTemplate prompt_template = parse_prompt_template(model.config().prompt_template);
    prompts.push_back(
        {question, encode_prompt(require_tokenizer(model), single_turn_prompt(prompt_template, question))});
  }
  return prompts;
}

std::vector<int32_t> parse_ids(std::string_view text, int64_t limit, std::string_view what) {
  std::vector<int32_t> ids;
  size_t start = 0;
  while (start <= text.size()) {
    const size_t comma = std::min(text.find(',', start), text.size());
    ids.push_back(parse_id(trim_spaces(text.substr(start, comma - start)), limit, what));
    start = comma + 1;
  }
  return ids;
}

}  // namespace cobra
