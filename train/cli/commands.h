// The program cobra-train: its commands, each in its own file.
#pragma once

#include <CLI/CLI.hpp>

namespace cobra::train {

/// Parses the command line and runs the command; the exit code is run_app's.
int run_trainer_program(int argc, const char* const* argv);

}  // namespace cobra::train
