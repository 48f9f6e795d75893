// cobra train step: one update on explicit tensors, with everything that it computes written out. What `cobra
// trace` is for inference, this is for training: how a port is debugged and how exactness is checked.
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "train/cli/commands.h"
#include "train/cli/model_flags.h"
#include "train/model/save.h"
#include "train/step/batch_file.h"
#include "train/step/step.h"

namespace cobra::train {
namespace {

constexpr const char* kHelp =
    "Writes `loss` [1], `grad_norm` [1], `grad.<name>` (before clipping), and after one AdamW step "
    "`after_step.<name>`, "
    "`exp_avg.<name>`, `exp_avg_sq.<name>`; names are the official ones.\n"
    "Example:\n"
    "  cobra train step --run runs/cobra+3b --dino dinov2.safetensors --siglip siglip.bin \\\n"
    "      --batch training.safetensors --name mixed --images pictures -o step.safetensors";

struct StepFlags {
  ModelFlags model;
  std::string batch, name, images, output;
  double learning_rate = 2e-5, weight_decay = 0.1, clip = 1.0;
  bool json = false;
};

using Outputs = std::vector<std::pair<std::string, Tensor>>;

Tensor scalar(double value) { return torch::full({1}, value, torch::kFloat32); }

void add_gradients(const Trainer& trainer, Outputs& out) {
  for (const Parameter& parameter : trainer.optimizer().parameters()) {
    const Tensor& gradient = parameter.value.grad();
    if (gradient.defined()) out.emplace_back("grad." + parameter.name, gradient.clone());
  }
}

void add_update(const Trainer& trainer, Outputs& out) {
  const Optimizer& optimizer = trainer.optimizer();
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const std::string& name = optimizer.parameters()[i].name;
    out.emplace_back("after_step." + name, optimizer.parameters()[i].value);
    out.emplace_back("exp_avg." + name, optimizer.moments()[i].exp_avg);
    out.emplace_back("exp_avg_sq." + name, optimizer.moments()[i].exp_avg_sq);
  }
}

void report(const StepFlags& flags, const StepResult& result) {
  if (flags.json) {
    print(json_line({{"loss", result.losses[0]},
                     {"valid_labels", result.valid_labels},
                     {"grad_norm", result.grad_norm},
                     {"clip_coefficient", result.clip_coefficient}}));
    return;
  }
  print(fmt::format("loss {:.6f} over {} labels, gradient norm {:.6f}, clipped by {:.6f}\n", result.losses[0],
                    result.valid_labels, result.grad_norm, result.clip_coefficient));
}

void step(const StepFlags& flags) {
  for (const std::string& input : {flags.batch, flags.model.source.gguf}) {
    check_output_differs(flags.output, input);
  }
  OpenedModel opened = open_model(flags.model);
  const Batch batch = read_batch(flags.batch, flags.name, flags.images, opened.model.config());
  check(batch.valid_labels() > 0, "{}: batch '{}': no label counts: nothing can be learnt from it",
        printable(flags.batch, 1000), printable(flags.name));
  const ProgressLine progress("one step");
  Trainer trainer(opened.model,
                  {.optimizer = {.weight_decay = flags.weight_decay}, .max_grad_norm = flags.clip});
  Outputs out;
  out.emplace_back("loss", scalar(trainer.accumulate(batch)));
  trainer.finish_gradients();
  add_gradients(trainer, out);
  const StepResult result = trainer.update(flags.learning_rate);
  out.emplace_back("grad_norm", scalar(result.grad_norm));
  add_update(trainer, out);
  write_tensor_file(flags.output, out);
  report(flags, result);
}

}  // namespace

void add_step_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("step", "One step on explicit tensors: loss, gradients, updated parameters");
  const auto flags = std::make_shared<StepFlags>();
  add_model_flags(*command, flags->model, "float32");
  command
      ->add_option("--batch", flags->batch,
                   "Tensors (safetensors); pictures are named in the .json beside it")
      ->required()
      ->type_name("FILE");
  command->add_option("--name", flags->name, "Which batch of the file: prefix of its tensors")->required();
  command->add_option("--images", flags->images, "Folder of the pictures")->type_name("DIR");
  add_number(*command, "--lr", flags->learning_rate, 0, 1, "Learning rate (2e-5)");
  add_number(*command, "--weight-decay", flags->weight_decay, 0, 1, "Weight decay (0.1)");
  add_number(*command, "--clip", flags->clip, 1e-12, 1e12, "Largest norm of the gradient (1.0)");
  command->add_option("-o,--output", flags->output, "File to write (safetensors)")
      ->required()
      ->type_name("FILE");
  command->add_flag("--json", flags->json, "The summary as JSON");
  command->footer(kHelp);
  set_action(*command, [flags] { step(*flags); });
}

}  // namespace cobra::train
