// The subcommands of `cobra eval` and `cobra data`, and what they share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "eval/dataset.h"

namespace cobra {

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

}  // namespace cobra
