// cobra eval merge: the results of shards as one file.
#include <filesystem>
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "cli/eval_command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "eval/python_json.h"
#include "eval/results.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra eval merge shard-0.jsonl shard-1.jsonl -o results.jsonl\n"
    "  cobra eval merge shard-0.jsonl shard-1.jsonl -o results+rank-0.json --benchmark gqa --data DIR\n"
    "  cobra eval merge results+rank-0.json results+rank-1.json -o merged.json --benchmark gqa --data DIR\n"
    "The output is a log where its name ends in .jsonl, else a file in the official layout.";

struct MergeFlags {
  std::vector<std::string> inputs;
  std::string output;
  DatasetFlags dataset;
};

bool is_log(const std::string& path) { return std::filesystem::path(path).extension() == ".jsonl"; }

eval::Dataset dataset_of(const MergeFlags& flags) {
  if (flags.dataset.benchmark.empty() || flags.dataset.data.empty()) {
    throw UsageError("the official layout needs --benchmark and --data");
  }
  return open_dataset(flags.dataset);
}

void check_no_dataset(const DatasetFlags& flags) {
  if (flags.benchmark.empty() && flags.data.empty() && flags.dataset.empty()) return;
  throw UsageError("--benchmark, --data and --dataset are for the official layout, not for a log (.jsonl)");
}

std::string merged_text(const MergeFlags& flags) {
  const auto logs = std::count_if(flags.inputs.begin(), flags.inputs.end(), is_log);
  if (logs != 0 && logs != static_cast<std::ptrdiff_t>(flags.inputs.size())) {
    throw UsageError("logs (.jsonl) and official files cannot be merged with each other");
  }
  if (is_log(flags.output)) {
    if (logs == 0) throw UsageError("official files do not make a log (.jsonl): give another -o");
    check_no_dataset(flags.dataset);
    return eval::log_text(eval::merge_logs(flags.inputs));
  }
  const eval::Dataset dataset = dataset_of(flags);
  if (logs) return eval::python_json(eval::official_results(eval::merge_logs(flags.inputs), dataset), 2);
  const eval::Results results = eval::read_results(flags.inputs, dataset);
  Json document = Json::object();
  for (const eval::Entry& entry : results.entries) eval::append_member(document, entry.id, entry.value);
  return eval::python_json(document, 2);
}

void run_merge(const MergeFlags& flags) {
  for (const std::string& input : flags.inputs) check_output_differs(flags.output, input);
  const std::string text = merged_text(flags);
  write_file(flags.output, text);
  say(fmt::format("wrote {}: {} shards\n", flags.output, flags.inputs.size()));
}

}  // namespace

void add_eval_merge_command(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand("merge", "Join the results of shards");
  const auto flags = std::make_shared<MergeFlags>();
  command->add_option("results", flags->inputs, "Results of each shard")->type_name("FILE")->required();
  command->add_option("-o,--output", flags->output, "File to write")->type_name("FILE")->required();
  add_dataset_flags(*command, flags->dataset);
  for (const char* flag : {"--benchmark", "--data"}) command->get_option(flag)->required(false);
  command->footer(kExamples);
  command->callback([flags] { run_merge(*flags); });
}

}  // namespace cobra
