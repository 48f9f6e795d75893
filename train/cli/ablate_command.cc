// cobra train ablate: a grid of runs and one table.
#include <cstdlib>
#include <memory>

#include "cli/options.h"
#include "train/ablate/ablate.h"
#include "train/cli/commands.h"
#include "train/distributed/environment.h"

namespace cobra::train {
namespace {

constexpr const char* kHelp =
    "The grid is JSON: output, seeds, mode (one-at-a-time or all), base (recipe keys), axes (name -> choice "
    "-> recipe "
    "keys; \"align\": {...} puts an alignment before), score (a shell command that prints a number for "
    "{model}).\n"
    "Finished runs are not made again, interrupted ones go on. The table is printed, and kept as table.md "
    "and "
    "table.csv.\n"
    "Example:\n"
    "  cobra train ablate grid.json";

}  // namespace

void add_ablate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("ablate", "A grid of runs, several seeds each, and one table");
  const auto path = std::make_shared<std::string>();
  command->add_option("grid", *path, "Grid (JSON)")->required()->type_name("GRID.json");
  command->footer(kHelp);
  set_action(*command, [path] {
    if (rank_environment().count > 1)
      throw UsageError(
          "ablate runs in one process, not under a launcher: WORLD_SIZE and the like must not be set");
    const int signal = run_grid(parse_grid(read_json(*path), *path), *path);
    if (signal != 0) std::exit(128 + signal);
  });
}

}  // namespace cobra::train
