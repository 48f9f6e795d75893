// cobra trace: writes the named intermediates of one forward pass, under the names of the reference data.
// It is how a port is debugged and how exactness is checked. Everything is held in memory until it is
// written, so prompts are short here.
#include <filesystem>
#include <memory>
#include <optional>

#include "base/fail.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/prompts.h"
#include "cli/trace_recorder.h"
#include "cobra/session.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra trace -m cobra.gguf --image photo.jpg --prompt-ids 1,2,3 -o trace.safetensors\n"
    "  cobra trace -m cobra.gguf -p \"What is this?\" -o trace.safetensors";

constexpr size_t kMaxPromptTokens = 2048;
constexpr const char* kEmbeddings = "multimodal_embeddings";

struct TraceFlags {
  ModelFlags model;
  PromptFlags prompts;
  std::optional<std::string> image;
  int64_t chunk = 0;
  std::string output;
};

/// Found out before the work, not after it.
void check_output(const TraceFlags& flags) {
  const auto folder = std::filesystem::path(flags.output).parent_path();
  std::error_code ignored;
  check(folder.empty() || std::filesystem::is_directory(folder, ignored), "{}: no such folder", flags.output);
  check_output_differs(flags.output, flags.model.path);
  if (flags.image) check_output_differs(flags.output, *flags.image);
}

Prompt single_prompt(const TraceFlags& flags, const Model& model) {
  std::vector<Prompt> prompts = read_prompts(flags.prompts, model);
  if (prompts.size() != 1) throw UsageError("trace takes one prompt");
  check(prompts[0].ids.size() <= kMaxPromptTokens, "a trace holds prompts of at most {} tokens, found {}",
        kMaxPromptTokens, prompts[0].ids.size());
  check(!prompts[0].ids.empty(), "the prompt is empty");
  return std::move(prompts[0]);
}

void trace_picture(const TraceFlags& flags, Session& session, TraceRecorder& recorder) {
  const Model& model = session.model();
  check(model.config().has_vision(), "{}: the model has no vision towers, so it cannot take --image",
        flags.model.path);
  const ImageEmbedding embedding = model.embed(Image::open(*flags.image), recorder.sink());
  for (const TowerConfig& tower : model.config().towers) {
    recorder.reshape("pixel_values." + tower.name, {3, tower.image_size, tower.image_size});
  }
  recorder.append(kEmbeddings, {embedding.tokens, embedding.d_model}, embedding.values.data());
  session.read_embeddings(embedding.view(), flags.chunk);
}

void trace_states(const Session& session, TraceRecorder& recorder) {
  const MambaConfig& mamba = session.model().config().mamba;
  const std::vector<float> conv = session.conv_state();
  const std::vector<float> ssm = session.ssm_state();
  recorder.append("conv_state", {mamba.n_layer, mamba.d_inner, mamba.d_conv}, conv.data());
  recorder.append("ssm_state", {mamba.n_layer, mamba.d_inner, mamba.d_state}, ssm.data());
}

void trace(const TraceFlags& flags) {
  check_output(flags);
  const Model model = load_model(flags.model);
  const Prompt prompt = single_prompt(flags, model);
  const ProgressLine progress("tracing");
  TraceRecorder recorder;
  Session session(model);
  session.set_trace(recorder.sink());
  if (flags.image) trace_picture(flags, session, recorder);
  session.read_tokens(prompt.ids, flags.chunk);
  recorder.move_rows("token_embeddings", kEmbeddings);
  trace_states(session, recorder);
  recorder.write(flags.output);
}

}  // namespace

void add_trace_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("trace", "Write the intermediates of a forward pass as safetensors");
  const auto flags = std::make_shared<TraceFlags>();
  add_model_flags(*command, flags->model);
  command->add_option("--image", flags->image, "Picture (JPEG, PNG, WebP, data URI)")->type_name("FILE");
  add_prompt_flags(*command, flags->prompts);
  add_chunk_flag(*command, flags->chunk);
  command->add_option("-o,--output", flags->output, "File to write")->required()->type_name("FILE");
  command->footer(kExamples);
  command->callback([flags] { trace(*flags); });
}

}  // namespace cobra
