// cobra convert: the officially published files to one model file.
#include "model/convert.h"

#include <memory>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/output_model.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra convert --run runs/cobra+3b --dino dinov2.safetensors --siglip siglip.bin \\\n"
    "      --tokenizer tokenizer.json --type q8_0 -o cobra.gguf\n"
    "  cobra convert --llm mamba-2.8b-zephyr/model.safetensors --type q8_0 -o zephyr.gguf\n"
    "  cobra convert --dino dinov2.safetensors --siglip siglip.bin --type bf16 -o towers.gguf\n"
    "Without --tokenizer the model works with token ids only.";

struct ConvertFlags {
  ConvertOptions paths;
  OutputModelFlags output;
};

void add_path(CLI::App& command, const char* flag, std::string& path, const char* kind,
              const char* description) {
  command.add_option(flag, path, description)->type_name(kind);
}

void run_convert(const ConvertFlags& flags) {
  write_model("converting", flags.output, [&](const OutputModel& output) {
    ConvertOptions options = flags.paths;
    options.type = output.type;
    options.output = output.path;
    options.threads = output.threads;
    options.progress = output.progress;
    options.note = [](const std::string& note) { say(fmt::format("note: {}\n", printable(note, 1000))); };
    convert(options);
  });
}

}  // namespace

void add_convert_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("convert", "Make a model file from the official files");
  const auto flags = std::make_shared<ConvertFlags>();
  ConvertOptions& p = flags->paths;
  add_path(*command, "--run", p.run_dir, "DIR", "Folder of an official run, with config.json");
  add_path(*command, "--checkpoint", p.checkpoint, "FILE",
           "Default: checkpoints/latest-checkpoint.pt of the run");
  add_path(*command, "--dino", p.dino, "FILE", "DINOv2 weights (timm)");
  add_path(*command, "--siglip", p.siglip, "FILE", "SigLIP weights (timm or open_clip)");
  add_path(*command, "--clip,--clip-tower", p.clip, "FILE", "CLIP weights (timm)");
  add_path(*command, "--llm", p.llm, "FILE", "Weights of a Mamba, to convert a language model alone");
  add_path(*command, "--tokenizer", p.tokenizer, "FILE", "Hugging Face tokenizer.json");
  add_path(*command, "--llm-config", p.llm_config, "FILE",
           "The language model's config.json, to check the weights by");
  add_path(*command, "--dims", p.dims, "FILE",
           "JSON with what weights do not tell, e.g. {\"dino\": {\"num_heads\": 4}}");
  add_output_model_flags(*command, flags->output, model_types());
  command->footer(kExamples);
  command->callback([flags] { run_convert(*flags); });
}

}  // namespace cobra
