// cobra train bench: what a step costs on this machine, against its measured rate of bf16 products.
#include <sys/resource.h>

#include <algorithm>
#include <memory>

#include "base/fail.h"
#include "base/stopwatch.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "model/presets.h"
#include "train/cli/commands.h"
#include "train/cli/model_flags.h"
#include "train/model/bf16_linear.h"
#include "train/step/profile.h"
#include "train/step/step.h"

namespace cobra::train {
namespace {

constexpr const char* kHelp =
    "The batch is random: every row has a picture's features (as a cache of the towers' gives them), if the "
    "model has towers, and text. --layers cuts the "
    "language model down, so that the shapes of a large one can be measured in little memory.\n"
    "Example:\n"
    "  cobra train bench --preset cobra-3b --layers 4 --rows 1 --text 128";

struct BenchFlags {
  std::string preset = "cobra-3b";
  int64_t layers = 0, rows = 1, text = 128, steps = 3, threads = 0;
  bool keep_activations = false, json = false;
};

/// The best rate of a large product, in operations a second.
double measure_product_rate() {
  const NoGradGuard no_grad;
  const Tensor x = torch::randn({2048, 2560}), w = torch::randn({5120, 2560});
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const Profile profile;
    bf16_linear(x, w);
    best = std::max(best, profile.product_operations / profile.seconds(Section::products));
  }
  return best;
}

/// Rows with pictures, or of text alone where the model has no towers.
Batch random_batch(const BenchFlags& flags, const ModelConfig& config) {
  Batch batch;
  batch.input_ids = torch::randint(config.mamba.vocab_size, {flags.rows, flags.text}, torch::kInt64);
  batch.labels = batch.input_ids.clone();
  batch.labels.slice(1, 0, flags.text / 2).fill_(kIgnoredLabel);  // the question
  batch.multimodal_indices = torch::arange(config.has_vision() ? flags.rows : 0);
  if (config.has_vision()) {
    batch.features = torch::randn({flags.rows, config.towers[0].patches(), config.projector.in});
  }
  return batch;
}

struct Measured {
  double step = 0, products = 0, scan = 0, convolution = 0, optimizer = 0;  // seconds
  double operations = 0, product_rate = 0;
  int64_t tokens = 0;
  double peak_bytes = 0;  // of the whole process

  double share(double seconds) const { return 100 * seconds / step; }
  double rest() const { return step - products - scan - convolution - optimizer; }
  /// Of the time that the step's products alone would take at the machine's rate.
  double efficiency() const { return 100 * operations / product_rate / step; }
};

double peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

/// The fastest of some steps.
Measured measure(const BenchFlags& flags, Trainer& trainer) {
  const ModelConfig& config = trainer.model().config();
  const Batch batch = random_batch(flags, config);
  Measured best;
  for (int64_t i = 0; i <= flags.steps; ++i) {  // the first one warms up
    const Profile profile;
    const Stopwatch whole;
    trainer.accumulate(batch);
    const Stopwatch update;
    trainer.update(1e-5);
    const double step = whole.elapsed_ms() / 1000;
    if (i == 0 || (best.step > 0 && step >= best.step)) continue;
    best = {step,
            profile.seconds(Section::products),
            profile.seconds(Section::scan),
            profile.seconds(Section::convolution),
            update.elapsed_ms() / 1000,
            profile.product_operations,
            0,
            flags.rows * (config.image_tokens() + flags.text)};
  }
  best.peak_bytes = peak_memory_bytes();
  return best;
}

std::string as_text(const Measured& m) {
  return fmt::format(
      "step               {:9.1f} ms   {:.1f} tokens/s\n"
      "  matrix products  {:9.1f} ms   {:4.1f} %   {:.0f} GFLOP/s\n"
      "  scan             {:9.1f} ms   {:4.1f} %\n"
      "  convolution      {:9.1f} ms   {:4.1f} %\n"
      "  optimiser        {:9.1f} ms   {:4.1f} %\n"
      "  rest             {:9.1f} ms   {:4.1f} %\n"
      "bf16 products on this machine: {:.0f} GFLOP/s; the step's own would take {:.1f} % of its time at that "
      "rate\n"
      "memory at the highest: {:.2f} GB\n",
      1e3 * m.step, static_cast<double>(m.tokens) / m.step, 1e3 * m.products, m.share(m.products),
      m.operations / m.products / 1e9, 1e3 * m.scan, m.share(m.scan), 1e3 * m.convolution,
      m.share(m.convolution), 1e3 * m.optimizer, m.share(m.optimizer), 1e3 * m.rest(), m.share(m.rest()),
      m.product_rate / 1e9, m.efficiency(), m.peak_bytes / 1e9);
}

Json as_json(const Measured& m) {
  return {{"step_ms", 1e3 * m.step},
          {"tokens_per_s", static_cast<double>(m.tokens) / m.step},
          {"products_percent", m.share(m.products)},
          {"scan_percent", m.share(m.scan)},
          {"convolution_percent", m.share(m.convolution)},
          {"optimizer_percent", m.share(m.optimizer)},
          {"rest_percent", m.share(m.rest())},
          {"machine_gflops", m.product_rate / 1e9},
          {"efficiency_percent", m.efficiency()},
          {"peak_memory_bytes", m.peak_bytes}};
}

void bench(const BenchFlags& flags) {
  ModelConfig config = preset(flags.preset);
  if (flags.layers > 0)
    config.mamba.n_layer = static_cast<int>(std::min<int64_t>(flags.layers, config.mamba.n_layer));
  for (TowerConfig& tower : config.towers)
    tower.depth = 2;  // features are given, so the towers need not be there
  ModelFlags model_flags;
  model_flags.threads = flags.threads;
  use_threads(model_flags);
  Measured measured;
  {
    const ProgressLine progress("measuring");
    CobraVlm model(config, {Stage::finetune, Precision::bf16, !flags.keep_activations});
    random_source(config, 0).fill(model.parameters());
    Trainer trainer(model, {});
    measured = measure(flags, trainer);
    measured.product_rate = measure_product_rate();
  }
  print(flags.json ? json_line(as_json(measured)) : as_text(measured));
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "Measure a step: products, scan, optimiser, rest");
  const auto flags = std::make_shared<BenchFlags>();
  command->add_option("--preset", flags->preset, "Which model's shapes")
      ->check(CLI::IsMember(preset_names()))
      ->capture_default_str();
  add_integer(*command, "--layers", flags->layers, 0, 1024, "Layers of the language model; 0: all");
  add_integer(*command, "--rows", flags->rows, 1, 1024, "Examples in the batch (1)");
  add_integer(*command, "--text", flags->text, 2, 65536, "Text tokens of each (128)");
  add_integer(*command, "--steps", flags->steps, 1, 1000, "Steps to choose the fastest of (3)");
  add_integer(*command, "--threads", flags->threads, 0, 1024, "Threads; 0: one for each core");
  command->add_flag("--keep-activations", flags->keep_activations, "Without activation checkpointing");
  command->add_flag("--json", flags->json, "As JSON");
  command->footer(kHelp);
  set_action(*command, [flags] { bench(*flags); });
}

}  // namespace cobra::train
