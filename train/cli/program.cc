#include "cli/command.h"
#include "train/cli/commands.h"

namespace cobra::train {

int run_trainer_program(int argc, const char* const* argv) {
  CLI::App app("cobra train teaches the Cobra model: alignment, fine-tuning, single steps for debugging.",
               "cobra train");
  app.require_subcommand(1);
  app.footer("'cobra train COMMAND --help' explains a command.");
  return run_app(app, argc, argv);
}

}  // namespace cobra::train
