#include "base/fail.h"
#include "cli/command.h"
#include "train/cli/commands.h"
#include "train/torch.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace cobra::train {
namespace {

/// Freed memory stays with the process. Otherwise every activation and gradient of more than some megabytes
/// is mapped anew, and the system clears its pages each time: half of what a step spends outside the kernels.
void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);  // never
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

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
  keep_freed_memory();
  CLI::App app("cobra train teaches the Cobra model.", "cobra train");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  cobra train run --model cobra-3b.gguf --data mix.json --images pictures --output runs/first\n"
      "  cobra train run --resume runs/first\n"
      "  cobra train ablate grid.json\n"
      "'cobra train COMMAND --help' explains a command.");
  add_run_command(app);
  add_ablate_command(app);
  add_step_command(app);
  add_bench_command(app);
  return run_app(app, argc, argv);
}

}  // namespace cobra::train
