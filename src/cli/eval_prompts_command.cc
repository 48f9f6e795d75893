// cobra eval prompts: the pinned prompts of the benchmarks.
#include <memory>

#include "base/fail.h"
#include "cli/eval_command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "eval/messages.h"
#include "tokenizer/prompt.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra eval prompts\n"
    "  cobra eval prompts --benchmark text-vqa --template mamba\n"
    "  cobra eval prompts --benchmark pope --question \"Is there a dog in the image?\" --json\n"
    "The text is a question, or what stands for one: VSR's statement, RefCOCO's expression.";

struct PromptsFlags {
  std::string benchmark;
  std::string prompt_template = "zephyr";
  std::string question = "{question}";
  bool json = false;
};

struct ShownPrompt {
  std::string family;
  std::string output;  // the field of the results that takes the answer
  std::string text;
  std::vector<std::string> answers;
};

/// An index entry with `question` in whichever field the benchmark reads it from.
Json entry_of(const std::string& question) {
  return {{"question", question}, {"caption", question}, {"ref_expression", question}};
}

std::vector<ShownPrompt> shown_prompts(const eval::Benchmark& benchmark, const PromptsFlags& flags) {
  std::vector<ShownPrompt> prompts;
  const PromptTemplate prompt_template = parse_prompt_template(flags.prompt_template);
  for (const eval::Ask& ask : benchmark.asks(entry_of(flags.question), "--question")) {
    prompts.push_back({benchmark.info().family, ask.output, single_turn_prompt(prompt_template, ask.message),
                       benchmark.info().answers});
  }
  return prompts;
}

std::string decoding_text(const ShownPrompt& prompt) {
  return prompt.answers.empty()
             ? fmt::format("greedy, at most {} tokens", eval::kMaxNewTokens)
             : fmt::format("probabilities of {} as the first token", fmt::join(prompt.answers, ", "));
}

void show(const ShownPrompt& prompt, bool json) {
  if (!json) {
    return print(fmt::format("{} -> {} ({})\n{}\n\n", prompt.family, prompt.output, decoding_text(prompt),
                             prompt.text));
  }
  Json line = {{"benchmark", prompt.family}, {"output", prompt.output}, {"prompt", prompt.text}};
  if (prompt.answers.empty()) {
    line["max_new_tokens"] = eval::kMaxNewTokens;
  } else {
    line["answers"] = prompt.answers;
  }
  print(json_line(line));
}

void run_prompts(const PromptsFlags& flags) {
  std::vector<const eval::Benchmark*> chosen = eval::benchmarks();
  if (!flags.benchmark.empty()) chosen = {&chosen_benchmark(flags.benchmark)};
  for (const eval::Benchmark* benchmark : chosen) {
    for (const ShownPrompt& prompt : shown_prompts(*benchmark, flags)) show(prompt, flags.json);
  }
}

}  // namespace

void add_eval_prompts_command(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand("prompts", "Show the prompts of the benchmarks");
  const auto flags = std::make_shared<PromptsFlags>();
  add_benchmark_flag(*command, flags->benchmark);
  command->add_option("--template", flags->prompt_template, "Chat template: zephyr (default), mamba or pure")
      ->type_name("T")
      ->check(CLI::IsMember({"zephyr", "mamba", "pure"}));
  command->add_option("--question", flags->question, "Text in place of {question}")->type_name("TEXT");
  command->add_flag("--json", flags->json, "One JSON object a line");
  command->footer(kExamples);
  command->callback([flags] { run_prompts(*flags); });
}

}  // namespace cobra
