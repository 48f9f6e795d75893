#include "base/fail.h"
#include "cli/command.h"
#include "train/cli/commands.h"
#include "train/torch.h"

namespace cobra::train {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

void set_action(CLI::App& command, std::function<void()> action) {
  command.callback([action = std::move(action)] {
    try {
      action();
    } catch (const c10::Error& error) {
      fail("libtorch: {}", first_line(error.what_without_backtrace()));
    }
  });
}

int run_trainer_program(int argc, const char* const* argv) {
  CLI::App app("cobra train teaches the Cobra model.", "cobra train");
  app.require_subcommand(1);
  app.footer("'cobra train COMMAND --help' explains a command.");
  add_run_command(app);
  add_step_command(app);
  add_bench_command(app);
  return run_app(app, argc, argv);
}

}  // namespace cobra::train
