#include "train/run/run.h"

#include <chrono>
#include <csignal>
#include <filesystem>

#include "base/dtype.h"
#include "base/fail.h"
#include "base/file.h"
#include "cobra/runtime.h"
#include "train/model/save.h"
#include "train/optim/schedule.h"
#include "train/run/batch_queue.h"
#include "train/run/chart.h"
#include "train/run/checkpoint.h"
#include "train/run/llava_data.h"
#include "train/run/metrics.h"
#include "train/run/run_log.h"
#include "train/run/start.h"
#include "train/run/stop_signal.h"

namespace cobra::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr size_t kWaitingBatches = 8;
constexpr std::chrono::seconds kChartEvery{30};

void write_text(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

int use_threads(const RunRecipe& recipe) {
  const int threads = Runtime({static_cast<int>(recipe.threads), ""}).threads();
  at::set_num_threads(threads);
  return threads;
}

/// The run folder: new, or that of the run which goes on.
void prepare_folder(const RunRecipe& recipe, bool resume) {
  const fs::path folder = recipe.output;
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, "{}: cannot be made: {}", printable(recipe.output, 1000), error.message());
  check(resume || !fs::exists(folder / kRecipeFile),
        "{}: holds a run already: go on with it by --resume, or name another folder",
        printable(recipe.output, 1000));
  if (!resume) write_text((folder / kRecipeFile).string(), to_json(recipe).dump(2) + "\n");
}

class Run {
 public:
  Run(const RunRecipe& recipe, bool resume)
      : recipe_(recipe),
        threads_(use_threads(recipe)),
        source_(open_start(recipe, threads_)),
        model_(source_.config, {parse_stage(recipe.stage), parse_precision(recipe.precision),
                                recipe.activation_checkpointing}),
        data_(open_data()),
        trainer_(model_,
                 {.adamw = {.weight_decay = recipe.weight_decay}, .max_grad_norm = recipe.max_grad_norm}),
        checkpoints_(file(kCheckpointFolder), recipe.keep_checkpoints) {
    plan_steps();
    prepare_folder(recipe, resume);
    source_.fill(model_.parameters());
    if (resume) restore();
  }

  int train();

 private:
  const RunRecipe recipe_;
  const int threads_;
  ModelSource source_;
  CobraVlm model_;
  std::unique_ptr<TrainingData> data_;
  Trainer trainer_;
  Checkpoints checkpoints_;
  int64_t micro_per_step_ = 1, steps_per_epoch_ = 1;
  Schedule schedule_;
  int64_t step_ = 0;  // updates done

  std::string file(const char* name) const { return (fs::path(recipe_.output) / name).string(); }
  std::unique_ptr<TrainingData> open_data() const;
  void plan_steps();
  void restore();
  BatchQueue::Plan batches_from(int64_t step) const;
  StepMetrics make_update(BatchQueue& batches);
  void finish(RunLog& log, MetricsFile& metrics);
};

std::unique_ptr<TrainingData> Run::open_data() const {
  check(source_.tokenizer.has_value(),
        "the model has no tokenizer, which training on text needs: name a "
        "tokenizer.json with 'tokenizer'");
  LlavaOptions options;
  options.data = recipe_.data;
  options.images = recipe_.images;
  options.max_length = recipe_.max_length;
  options.global_batch_size = recipe_.global_batch_size;
  options.seed = static_cast<uint64_t>(recipe_.seed);
  return open_llava_data(options, source_.config, *source_.tokenizer);
}

void Run::plan_steps() {
  micro_per_step_ = recipe_.global_batch_size / recipe_.per_device_batch_size;
  steps_per_epoch_ =
      static_cast<int64_t>(data_->order(0).size()) / recipe_.per_device_batch_size / micro_per_step_;
  check(steps_per_epoch_ > 0, "{}: too few examples for one update", printable(recipe_.data, 1000));
  const int64_t all = steps_per_epoch_ * recipe_.epochs;
  schedule_.peak = recipe_.learning_rate;
  schedule_.total_steps = recipe_.max_steps > 0 ? std::min(recipe_.max_steps, all) : all;
  schedule_.warmup_steps = Schedule::warmup_of(schedule_.total_steps, recipe_.warmup_ratio);
  schedule_.shape = parse_schedule(recipe_.lr_schedule);
}

void Run::restore() {
  const std::optional<int64_t> latest = checkpoints_.latest();
  if (!latest) return;
  check(*latest <= schedule_.total_steps, "{}: made after {} updates, but the run has {}",
        checkpoints_.path(*latest), *latest, schedule_.total_steps);
  checkpoints_.load(*latest, trainer_);
  step_ = *latest;
}

/// Micro-batches from update `step` to the last. The order of an epoch is made when it begins.
BatchQueue::Plan Run::batches_from(int64_t step) const {
  struct Position {
    int64_t micro, epoch;
    std::vector<int64_t> order;
  };
  const int64_t per_epoch = steps_per_epoch_ * micro_per_step_, end = schedule_.total_steps * micro_per_step_;
  const int64_t size = recipe_.per_device_batch_size;
  auto at = std::make_shared<Position>(Position{step * micro_per_step_, -1, {}});
  return [this, at, per_epoch, end, size]() -> std::optional<std::vector<int64_t>> {
    if (at->micro == end) return std::nullopt;
    if (at->epoch != at->micro / per_epoch) {
      at->epoch = at->micro / per_epoch;
      at->order = data_->order(at->epoch);
    }
    const auto begin = at->order.begin() + at->micro++ % per_epoch * size;
    return std::vector<int64_t>(begin, begin + size);
  };
}

StepMetrics Run::make_update(BatchQueue& batches) {
  const Clock::time_point start = Clock::now();
  StepMetrics metrics;
  metrics.step = step_ + 1;
  metrics.epoch = static_cast<double>(metrics.step) / static_cast<double>(steps_per_epoch_);
  metrics.learning_rate = schedule_.used(step_);
  std::vector<std::string> names;
  try {
    for (int64_t micro = 0; micro < micro_per_step_; ++micro) {
      const BatchQueue::Entry entry = batches.next();
      names.clear();
      for (const int64_t example : entry.examples) names.push_back(data_->name(example));
      const int64_t valid = entry.loaded.batch.valid_labels();
      metrics.loss += trainer_.accumulate(entry.loaded.batch) * static_cast<double>(valid);
      metrics.valid_labels += valid;
      metrics.tokens += entry.loaded.tokens;
    }
    metrics.grad_norm = trainer_.update(metrics.learning_rate).grad_norm;
  } catch (const Error& error) {
    fail("update {}: {}; examples {}", metrics.step, error.what(), fmt::join(names, ", "));
  }
  metrics.loss /= static_cast<double>(metrics.valid_labels);
  metrics.tokens_per_second =
      static_cast<double>(metrics.tokens) / std::chrono::duration<double>(Clock::now() - start).count();
  ++step_;
  return metrics;
}

void Run::finish(RunLog& log, MetricsFile& metrics) {
  write_text(file(kChartFile), loss_chart(metrics.losses(), recipe_.output));
  log.line(fmt::format("writing {}", file(kWeightsFile)));
  save_parameters(model_.parameters(), file(kWeightsFile));
  GgufOptions options;
  options.type = parse_dtype(recipe_.export_type);
  options.tokenizer = source_.tokenizer;
  options.threads = threads_;
  export_gguf(source_.config, model_.parameters(), file(kGgufFile), options);
  log.line(fmt::format("finished after {} updates: {}", step_, file(kGgufFile)));
}

int Run::train() {
  RunLog log(file(kLogFile), schedule_.total_steps);
  MetricsFile metrics(file(kMetricsFile), step_);
  const StopSignal signal;
  log.line(fmt::format("{} examples, {} updates of {}, {} threads{}", data_->examples(),
                       schedule_.total_steps, recipe_.global_batch_size, threads_,
                       step_ > 0 ? fmt::format("; going on after update {}", step_) : ""));
  BatchQueue batches(*data_, batches_from(step_), kWaitingBatches);
  Clock::time_point charted = Clock::now();
  while (step_ < schedule_.total_steps) {
    const StepMetrics made = make_update(batches);
    metrics.add(made);
    log.step(made);
    if (Clock::now() - charted >= kChartEvery) {
      write_text(file(kChartFile), loss_chart(metrics.losses(), recipe_.output));
      charted = Clock::now();
    }
    const bool due = recipe_.save_every > 0 && step_ % recipe_.save_every == 0;
    if (due || signal.received() != 0) checkpoints_.save(trainer_, step_);
    if (signal.received() != 0) {
      log.line(fmt::format("stopped by {} after update {}; go on with: cobra train run --resume {}",
                           signal.received() == SIGINT ? "SIGINT" : "SIGTERM", step_, recipe_.output));
      return signal.received();
    }
  }
  finish(log, metrics);
  return 0;
}

}  // namespace

int run_training(const RunRecipe& recipe, bool resume) {
  check_recipe(recipe);
  return Run(recipe, resume).train();
}

}  // namespace cobra::train
