// What the commands share: each lives in its own file and registers itself as a CLI11 subcommand.
#pragma once

#include <CLI/CLI.hpp>

namespace cobra {

void add_run_command(CLI::App& app);
void add_chat_command(CLI::App& app);
void add_convert_command(CLI::App& app);
void add_quantize_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_init_command(CLI::App& app);
void add_trace_command(CLI::App& app);
void add_tokenize_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_data_command(CLI::App& app);

/// `cobra train ARGS`: becomes the program cobra-train, which stands beside this one, with ARGS. Returns only
/// when that fails: 1, told on stderr.
int run_trainer(int argc, const char* const* argv);

/// Parses the command line, runs the chosen command of `app`, and returns the exit code: 0, 1 for an Error
/// ("cobra: message" on stderr, one line), 2 for a wrong command line.
int run_app(CLI::App& app, int argc, const char* const* argv);

/// The program cobra: run_app with all commands.
int run_program(int argc, const char* const* argv);

}  // namespace cobra
