// The commands below `cobra data`, one file each.
#pragma once

#include <CLI/CLI.hpp>

namespace cobra {

void add_data_fashion_command(CLI::App& data);
void add_data_join_command(CLI::App& data);
void add_data_mix_command(CLI::App& data);
void add_data_scenes_command(CLI::App& data);
void add_data_stats_command(CLI::App& data);
void add_data_tokenizer_command(CLI::App& data);

}  // namespace cobra
