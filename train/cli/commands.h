// The program cobra-train: its commands, each in its own file.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace cobra::train {

void add_step_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_run_command(CLI::App& app);
void add_ablate_command(CLI::App& app);

/// Sets a command's action. libtorch's errors, which are pages of text, become an Error of one line.
void set_action(CLI::App& command, std::function<void()> action);

/// Parses the command line and runs the command; the exit code is run_app's.
int run_trainer_program(int argc, const char* const* argv);

}  // namespace cobra::train
