// cobra inspect: what is in a model file, or in a file of weights.
#include <fstream>
#include <memory>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/inspect_report.h"
#include "cli/output.h"

namespace cobra {
namespace {

struct InspectFlags {
  std::string path;
  bool json = false;
  bool tensors = false;
};

bool is_gguf(const std::string& path) {
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  return std::string_view(magic, sizeof magic) == "GGUF";
}

void inspect(const InspectFlags& flags) {
  if (is_gguf(flags.path)) {
    const Json report = inspect_model(GgufFile(flags.path), flags.tensors);
    print(flags.json ? json_line(report) : model_text(report));
  } else {
    const Json report = inspect_weights(*StateDict::open(flags.path));
    print(flags.json ? json_line(report) : weights_text(report));
  }
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("inspect", "Show configuration, sizes and tensors of a file");
  const auto flags = std::make_shared<InspectFlags>();
  command->add_option("file", flags->path, "Model file (GGUF), or weights (.safetensors, .pt, .bin)")
      ->required()
      ->type_name("FILE");
  command->add_flag("--json", flags->json, "One JSON object");
  command->add_flag("--tensors", flags->tensors, "List every tensor of a model too");
  command->footer("Example:\n  cobra inspect cobra.gguf");
  command->callback([flags] { inspect(*flags); });
}

}  // namespace cobra
