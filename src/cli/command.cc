// The program: its commands and its help.
#include "cli/command.h"

#include <string_view>

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra run -m cobra.gguf --image photo.jpg -p \"What is going on in this image?\"\n"
    "  cobra chat -m cobra.gguf --image photo.jpg\n"
    "  cobra convert --run DIR --dino dino.pt --siglip siglip.bin --tokenizer tokenizer.json --type q8_0 -o "
    "cobra.gguf\n"
    "'cobra COMMAND --help' explains a command.";

void add_commands(CLI::App& app) {
  add_run_command(app);
  add_chat_command(app);
  add_convert_command(app);
  add_quantize_command(app);
  add_inspect_command(app);
  add_init_command(app);
  add_trace_command(app);
  add_tokenize_command(app);
  add_bench_command(app);
  add_train_command(app);
  add_eval_command(app);
  add_data_command(app);
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  CLI::App app("cobra answers questions about pictures with the Cobra model (DINOv2 + SigLIP + Mamba).",
               "cobra");
  app.set_version_flag("--version", "cobra " COBRA_VERSION);  // CMakeLists.txt has the number
  app.require_subcommand(1);
  app.footer(kExamples);
  add_commands(app);
  if (argc >= 2 && std::string_view(argv[1]) == "train") return run_trainer(argc, argv);
  return run_app(app, argc, argv);
}

}  // namespace cobra
