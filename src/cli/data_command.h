// The commands below `cobra data`, one file each.
#pragma once

#include <CLI/CLI.hpp>

namespace cobra {

void add_data_fashion_command(CLI::App& data);

}  // namespace cobra
