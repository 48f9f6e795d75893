// cobra eval run: generate, then score.
#include <memory>

#include "cli/eval_command.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Example:\n"
    "  cobra eval run --benchmark pope --data DIR -m cobra.gguf -o RESULTS\n"
    "A shard has no score of its own: see 'cobra eval generate' and 'cobra eval merge'.";

void run_eval(const EvalRunFlags& flags, bool json) {
  const GeneratedResults generated = generate_results(flags);
  const eval::Dataset& dataset = generated.dataset;
  const eval::Results results = eval::read_results(generated.log_path, dataset);
  warn_of_failures(results);
  print_score(dataset, results, dataset.benchmark->score(dataset, results, false), json, false);
}

}  // namespace

void add_eval_run_command(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand("run", "Generate answers and score them");
  const auto flags = std::make_shared<EvalRunFlags>();
  const auto json = std::make_shared<bool>(false);
  add_eval_run_flags(*command, *flags);
  command->add_flag("--json", *json, "The scores as one JSON object");
  command->footer(kExamples);
  command->callback([flags, json] { run_eval(*flags, *json); });
}

}  // namespace cobra
