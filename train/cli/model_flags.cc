#include "train/cli/model_flags.h"

#include "base/fail.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cobra/runtime.h"
#include "model/schema.h"

namespace cobra::train {
namespace {

constexpr int64_t kMaxThreads = 1024;

void add_path(CLI::App& command, const char* flag, std::string& path, const char* kind,
              const char* description) {
  command.add_option(flag, path, description)->type_name(kind);
}

/// A flag that this kind of model does not read would be dropped in silence.
void check_source_flags(const ModelFlags& flags) {
  const ConvertOptions& files = flags.source.files;
  const bool run = !files.run_dir.empty(), llm = !files.llm.empty();
  const int starts = !flags.source.gguf.empty() + run + llm;
  if (starts == 0) throw UsageError("a model is needed: -m, --run or --llm");
  if (starts > 1) throw UsageError("only one of -m, --run and --llm goes");
  const auto expect = [](const char* flag, const std::string& value, bool is_read, const char* models) {
    if (!value.empty() && !is_read) throw UsageError(fmt::format("{} goes with {} only", flag, models));
  };
  expect("--checkpoint", files.checkpoint, run, "--run");
  expect("--dino", files.dino, run || llm, "--run and --llm");
  expect("--siglip", files.siglip, run || llm, "--run and --llm");
  expect("--clip-tower", files.clip, run || llm, "--run and --llm");
  expect("--dims", files.dims, run || llm, "--run and --llm");
  expect("--projector", flags.projector, llm, "--llm");
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
  check_source_flags(flags);
  const ModelOptions options{parse_stage(flags.stage), parse_precision(flags.precision), flags.checkpointing};
  SourceOptions from = flags.source;
  if (!flags.projector.empty()) from.projector = parse_projector_type(flags.projector, "--projector");
  const int threads = use_threads(flags);
  const ProgressLine progress("loading the model");
  ModelSource source = open_source(from, threads);
  OpenedModel opened{CobraVlm(source.config, options), std::move(source.tokenizer)};
  source.fill(opened.model.parameters());
  return opened;
}

}  // namespace cobra::train
