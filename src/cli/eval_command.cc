// cobra eval: the benchmarks. Each subcommand has its own file.
#include "cli/eval_command.h"

#include <fmt/ranges.h>

#include "cli/command.h"
#include "cli/options.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra data prepare --benchmark gqa --from DIR\n"
    "  cobra eval generate --benchmark gqa --data DIR -m cobra.gguf -o RESULTS\n"
    "  cobra eval score --benchmark gqa --data DIR --results RESULTS\n"
    "  cobra eval prompts --benchmark gqa\n"
    "  cobra eval report RESULTS --data DIR -o report/\n"
    "  cobra eval speed -m cobra.gguf --image photo.jpg\n"
    "'cobra eval COMMAND --help' explains a command.";

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const eval::Benchmark* benchmark : eval::benchmarks()) names.push_back(benchmark->info().family);
  return names;
}

}  // namespace

CLI::Option* add_benchmark_flag(CLI::App& command, std::string& family) {
  return command.add_option("--benchmark", family, fmt::format("One of {}", fmt::join(family_names(), ", ")))
      ->type_name("B");
}

const eval::Benchmark& chosen_benchmark(const std::string& family) {
  try {
    return eval::find_benchmark(family);
  } catch (const Error& error) {
    throw UsageError(fmt::format("--benchmark: {}", error.what()));
  }
}

void add_dataset_flags(CLI::App& command, DatasetFlags& flags) {
  add_benchmark_flag(command, flags.benchmark)->required();
  command
      .add_option("--data", flags.data,
                  "Folder that holds datasets/ and download/ (or datasets/, datasets/B/)")
      ->type_name("DIR")
      ->required();
  command.add_option("--dataset", flags.dataset, "B-full (default), B-slim, B-subsampled or B-slim-N")
      ->type_name("ID");
}

eval::Dataset open_dataset(const DatasetFlags& flags) {
  return eval::open_dataset(chosen_benchmark(flags.benchmark), flags.data, flags.dataset);
}

void add_eval_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("eval", "Run and score the benchmarks of the paper");
  command->require_subcommand(1);
  command->footer(kExamples);
  add_eval_run_command(*command);
  add_eval_generate_command(*command);
  add_eval_score_command(*command);
  add_eval_prompts_command(*command);
  add_eval_merge_command(*command);
  add_eval_report_command(*command);
  add_eval_speed_command(*command);
}

}  // namespace cobra
