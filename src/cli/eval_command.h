// The subcommands of `cobra eval` and `cobra data`, and what they share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/options.h"
#include "eval/dataset.h"
#include "eval/results.h"

namespace cobra {

void add_eval_generate_command(CLI::App& eval);
void add_eval_run_command(CLI::App& eval);
void add_eval_score_command(CLI::App& eval);
void add_eval_prompts_command(CLI::App& eval);
void add_eval_merge_command(CLI::App& eval);
void add_eval_report_command(CLI::App& eval);
void add_eval_speed_command(CLI::App& eval);
void add_data_prepare_command(CLI::App& data);

/// --benchmark, which takes the name of a family.
CLI::Option* add_benchmark_flag(CLI::App& command, std::string& family);
/// The benchmark of the flag; a name that is none is a UsageError.
const eval::Benchmark& chosen_benchmark(const std::string& family);

/// --benchmark, --data and --dataset.
struct DatasetFlags {
  std::string benchmark;
  std::string data;
  std::string dataset;
};
void add_dataset_flags(CLI::App& command, DatasetFlags& flags);
eval::Dataset open_dataset(const DatasetFlags& flags);

/// Flags of `generate` and `run`.
struct EvalRunFlags {
  DatasetFlags dataset;
  ModelFlags model;
  std::string output;
  std::string shard = "0/1";
  int64_t batch = 16;
  int64_t limit = 0;
  bool resume = false;
  bool no_sharing = false;
  bool blind = false;
};
void add_eval_run_flags(CLI::App& command, EvalRunFlags& flags);
/// Where the results are and the questions that they answer.
struct GeneratedResults {
  eval::Dataset dataset;
  std::string log_path;
};
/// Runs the model over the dataset; says on stderr what went wrong and what was written.
GeneratedResults generate_results(const EvalRunFlags& flags);

/// Prints scores as text or JSON; `with_detail` only with `json`.
void print_score(const eval::Dataset& dataset, const eval::Results& results, const eval::Score& score,
                 bool json, bool with_detail);
/// Says on stderr what the reader of a score must know.
void warn_of_failures(const eval::Results& results);

}  // namespace cobra
