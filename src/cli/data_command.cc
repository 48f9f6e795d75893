// cobra data: data sets for training and evaluation. Each subcommand has its own file.
#include "cli/data_command.h"

#include "cli/command.h"
#include "cli/eval_command.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra data fashion -o fashion\n"
    "  cobra data scenes -o scenes\n"
    "  cobra data join scenes/train.json fashion/train.json -o train.json\n"
    "  cobra data stats fashion/train.json --images fashion\n"
    "  cobra data prepare --benchmark gqa --from DIR\n"
    "'cobra data COMMAND --help' explains a command.";

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("data", "Prepare data sets");
  command->require_subcommand(1);
  command->footer(kExamples);
  add_data_prepare_command(*command);
  add_data_fashion_command(*command);
  add_data_scenes_command(*command);
  add_data_mix_command(*command);
  add_data_join_command(*command);
  add_data_stats_command(*command);
  add_data_tokenizer_command(*command);
}

}  // namespace cobra
