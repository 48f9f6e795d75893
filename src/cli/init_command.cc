// cobra init: a model of random weights, for load, memory and speed tests.
#include "model/init.h"

#include <limits>
#include <memory>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/output_model.h"
#include "model/presets.h"

namespace cobra {
namespace {

struct InitFlags {
  std::string preset;
  int64_t seed = 0;
  std::string tokenizer, towers, projector, language_model;
  double state_decay = 1;
  OutputModelFlags output{"q8_0", "", 0};
};

void run_init(const InitFlags& flags) {
  write_model("making random weights", flags.output, [&](const OutputModel& output) {
    init_model({flags.preset, static_cast<uint64_t>(flags.seed), output.type, flags.tokenizer, flags.towers,
                flags.projector, flags.language_model, flags.state_decay, output.path, output.threads,
                output.progress});
  });
}

}  // namespace

void add_init_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("init", "Make a model of true shapes with random weights");
  const auto flags = std::make_shared<InitFlags>();
  command->add_option("--preset", flags->preset, "Which model's shapes")
      ->required()
      ->check(CLI::IsMember(preset_names()));
  add_integer(*command, "--seed", flags->seed, 0, std::numeric_limits<int64_t>::max(),
              "The same seed, the same file");
  command->add_option("--tokenizer", flags->tokenizer, "tokenizer.json; default: one token a byte")
      ->type_name("FILE");
  command->add_option("--towers", flags->towers, "Model whose vision towers to take instead of random ones")
      ->type_name("FILE");
  command->add_option("--projector", flags->projector, "Model whose projector to take")->type_name("FILE");
  command
      ->add_option("--language-model", flags->language_model,
                   "Model whose language model and tokenizer to take")
      ->type_name("FILE");
  add_number(
      *command, "--state-decay", flags->state_decay, 1e-3, 1e3,
      "How fast recurrent states fade, times Mamba's -A or that of --language-model; less remembers longer");
  add_output_model_flags(*command, flags->output, model_types());
  command->footer(
      "Examples:\n"
      "  cobra init --preset cobra-3b --type q8_0 -o random-3b.gguf\n"
      "  cobra init --preset cobra-tiny-ldpnet --type f32 --towers trained.gguf -o start.gguf");
  command->callback([flags] { run_init(*flags); });
}

}  // namespace cobra
