#include "train/cli/model_flags.h"

#include "base/fail.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cobra/runtime.h"
#include "model/schema.h"
#include "train/run/recipe.h"

namespace cobra::train {
namespace {

constexpr int64_t kMaxThreads = 1024;

void add_path(CLI::App& command, const char* flag, std::string& path, const char* kind,
              const char* description) {
  command.add_option(flag, path, description)->type_name(kind);
}

/// What to open; flags that contradict each other are refused.
SourceOptions source_of(const ModelFlags& flags) {
  SourceOptions source = flags.source;
  if (!flags.projector.empty()) source.projector = parse_projector_type(flags.projector, "--projector");
  const int starts = !source.gguf.empty() + !source.files.run_dir.empty() + !source.files.llm.empty();
  if (starts == 0) throw UsageError("a model is needed: -m, --run or --llm");
  if (starts > 1) throw UsageError("only one of -m, --run and --llm goes");
  if (const std::string unread = unread_part(source, flag_name); !unread.empty()) throw UsageError(unread);
  return source;
}

}  // namespace

void add_model_flags(CLI::App& command, ModelFlags& flags, const std::string& precision) {
  ConvertOptions& files = flags.source.files;
  flags.precision = precision;
  add_path(command, "-m,--model", flags.source.gguf, "FILE", "Model file (GGUF); or:");
  add_path(command, "--run", files.run_dir, "DIR", "Folder of an official run, with config.json; or:");
  add_path(command, "--llm", files.llm, "FILE", "Weights of a Mamba, to start with a new projector");
  add_path(command, "--checkpoint", files.checkpoint, "FILE",
           "Default: checkpoints/latest-checkpoint.pt of the run");
  add_path(command, "--dino", files.dino, "FILE", "DINOv2 weights (timm)");
  add_path(command, "--siglip", files.siglip, "FILE", "SigLIP weights (timm or open_clip)");
  add_path(command, "--clip-tower", files.clip, "FILE", "CLIP weights (timm)");
  add_path(command, "--tokenizer", files.tokenizer, "FILE", "Hugging Face tokenizer.json");
  add_path(command, "--dims", files.dims, "FILE",
           "JSON with what weights do not tell, e.g. {\"dino\": {\"num_heads\": 4}}");
  command.add_option("--projector", flags.projector, "Of the new projector, with --llm (fused-gelu-mlp)")
      ->type_name("KIND");
  command.add_option("--stage", flags.stage, "What learns: align, finetune, full-finetune")
      ->type_name("NAME");
  command.add_option("--precision", flags.precision, "Of matrix products: float32, bf16")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_flag("--checkpointing", flags.checkpointing,
                   "Make a layer's activations again instead of keeping them");
  add_integer(command, "--threads", flags.threads, 0, kMaxThreads, "Threads; 0: one for each core");
}

int use_threads(const ModelFlags& flags) {
  const int threads = Runtime({static_cast<int>(flags.threads), ""}).threads();
  at::set_num_threads(threads);
  return threads;
}

OpenedModel open_model(const ModelFlags& flags) {
  const SourceOptions from = source_of(flags);
  const ModelOptions options{parse_stage(flags.stage), parse_precision(flags.precision), flags.checkpointing};
  const int threads = use_threads(flags);
  const ProgressLine progress("loading the model");
  ModelSource source = open_source(from, threads);
  OpenedModel opened{CobraVlm(source.config, options), std::move(source.tokenizer)};
  source.fill(opened.model.parameters());
  return opened;
}

}  // namespace cobra::train
