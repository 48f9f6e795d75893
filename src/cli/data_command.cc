// cobra data: data sets for training and evaluation. Each subcommand has its own file.
#include "cli/data_command.h"

#include "cli/command.h"
#include "cli/eval_command.h"

namespace cobra {

void add_data_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("data", "Prepare data sets");
  command->require_subcommand(1);
  add_data_prepare_command(*command);
  add_data_fashion_command(*command);
  add_data_scenes_command(*command);
  add_data_mix_command(*command);
  add_data_join_command(*command);
  add_data_stats_command(*command);
  add_data_tokenizer_command(*command);
}

}  // namespace cobra
