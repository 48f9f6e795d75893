// cobra quantize: a model file again, with its matrices in another type.
#include "model/quantize.h"

#include <memory>

#include "cli/command.h"
#include "cli/output_model.h"

namespace cobra {
namespace {

struct QuantizeFlags {
  std::string input;
  OutputModelFlags output;
};

void run_quantize(const QuantizeFlags& flags) {
  write_model("quantizing", flags.output, [&](const OutputModel& output) {
    quantize({flags.input, output.type, output.path, output.threads, output.progress});
  });
}

/// Also the types that only files of other programs come in.
std::vector<std::string> quantize_types() {
  std::vector<std::string> types = model_types();
  types.insert(types.end(), {"q5_k", "q6_k"});
  return types;
}

}  // namespace

void add_quantize_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("quantize", "Change the type of a model file's weights");
  const auto flags = std::make_shared<QuantizeFlags>();
  command->add_option("input", flags->input, "Model file (GGUF)")->required()->type_name("FILE");
  add_output_model_flags(*command, flags->output, quantize_types());
  command->footer("Example:\n  cobra quantize cobra-bf16.gguf --type q4_k -o cobra-q4_k.gguf");
  command->callback([flags] { run_quantize(*flags); });
}

}  // namespace cobra
