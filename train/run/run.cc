#include "train/run/run.h"

#include <omp.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "base/dtype.h"
#include "base/fail.h"
#include "base/file.h"
#include "cobra/runtime.h"
#include "data/prefetch.h"
#include "train/optim/schedule.h"
#include "train/run/agreement.h"
#include "train/run/cached_features.h"
#include "train/run/chart.h"
#include "train/run/checkpoint.h"
#include "train/run/export.h"
#include "train/run/llava_data.h"
#include "train/run/metrics.h"
#include "train/run/run_folder.h"
#include "train/run/run_log.h"
#include "train/run/start.h"
#include "train/run/stop_signal.h"

namespace cobra::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int64_t kWaitingBatches = 8;
constexpr std::chrono::seconds kChartEvery{30};

/// Ranks that run on the same cores share them.
int use_threads(const RunRecipe& recipe, const Ranks& ranks) {
  const int available = Runtime({static_cast<int>(recipe.threads), ""}).threads();
  const int threads = recipe.threads > 0 ? available : std::max(1, available / ranks.on_same_cores());
  at::set_num_threads(threads);
  return threads;
}

/// The examples of this rank in an epoch, in the order in which they are taken.
struct EpochOrder {
  int64_t epoch = -1;
  std::vector<int64_t> examples;
};

struct MicroBatch {
  std::vector<int64_t> examples;
  LoadedBatch loaded;
};
/// Made in the background, so that pictures are decoded while the step before computes.
using MicroBatches = data::Prefetcher<MicroBatch>;

bool is_any(const Parameter&) { return true; }
bool is_frozen(const Parameter& parameter) { return !parameter.value.requires_grad(); }

/// The calling thread gets no OpenMP team beside the step's.
void use_no_team() {
  at::get_num_threads();  // libtorch makes a thread's team when it is first asked
  omp_set_num_threads(1);
}

class Run {
 public:
  Run(const RunRecipe& recipe, bool resume, const RankEnvironment& environment)
      : recipe_(recipe),
        ranks_(environment),
        threads_(use_threads(recipe, ranks_)),
        source_(open_start(recipe, threads_)),
        model_(source_.config, {parse_stage(recipe.stage), parse_precision(recipe.precision),
                                recipe.activation_checkpointing}),
        data_(open_data()),
        trainer_(
            model_,
            {.optimizer = {.kind = parse_optimizer(recipe.optimizer), .weight_decay = recipe.weight_decay},
             .max_grad_norm = recipe.max_grad_norm},
            ranks_),
        checkpoints_(file(kCheckpointFolder), recipe.keep_checkpoints) {
    check_same_recipe(ranks_, recipe);
    const Hash128 examples = data_->digest();
    check_same(ranks_, "the examples", examples);
    plan_steps();
    if (ranks_.is_first() && !resume) check_unused(recipe.output);
    source_.fill(model_.parameters());
    origin_ = {to_hex(examples), to_hex(model_digest(source_, model_.parameters(), is_frozen)),
               recipe_digest(recipe)};
    if (!recipe.feature_cache.empty()) {
      features_ = open_feature_cache(recipe.feature_cache, model_);
      data_->use_feature_cache(features_);
    }
    if (ranks_.is_first() && resume) folder_ = RunFolder(recipe, true);
    if (resume) restore();
    if (ranks_.count() > 1) {
      check_same(ranks_, "the numbers of updates done", content_hash(std::as_bytes(std::span(&step_, 1))));
      check_same(ranks_, "the models", model_digest(source_, model_.parameters(), is_any));
    }
    // A new run takes its folder after all that may fail, so that it can be tried again.
    if (ranks_.is_first() && !resume) folder_ = RunFolder(recipe, false);
  }

  int train();

 private:
  const RunRecipe recipe_;
  Ranks ranks_;
  const int threads_;
  ModelSource source_;
  CobraVlm model_;
  std::unique_ptr<TrainingData> data_;
  std::shared_ptr<data::FeatureCache> features_;  // or none
  Trainer trainer_;
  RunFolder folder_;
  Origin origin_;
  Checkpoints checkpoints_;
  int64_t micro_per_step_ = 1, steps_per_epoch_ = 1;
  Schedule schedule_;
  int64_t step_ = 0;       // updates done
  std::string resumed_;    // where a resumed run goes on, for its log
  int64_t last_step_ = 0;  // after which the run ends

  std::string file(const char* name) const { return (fs::path(recipe_.output) / name).string(); }
  std::unique_ptr<TrainingData> open_data() const;
  void plan_steps();
  void restore();
  /// Micro-batch `micro` of the run. `order` is kept between calls, which one thread makes.
  MicroBatch load(int64_t micro, EpochOrder& order) const;
  std::string names_of(const std::vector<int64_t>& examples) const;
  StepMetrics make_update(MicroBatches& batches);
  bool any_rank(bool flag) const;
  std::string optimizer_sizes() const;
  void draw(RunLog& log, const MetricsFile& metrics) const;
  void save_checkpoint(RunLog& log) const;
  int loop(RunLog& log, MetricsFile* metrics, const StopSignal& signal);
  void finish(RunLog& log, MetricsFile& metrics);
};

std::unique_ptr<TrainingData> Run::open_data() const {
  check(source_.tokenizer.has_value(),
        "the model has no tokenizer, which training on text needs: name a "
        "tokenizer.json with 'tokenizer'");
  LlavaOptions options;
  options.data = recipe_.data;
  options.images = recipe_.images;
  options.stage = parse_stage(recipe_.stage);
  options.max_length = recipe_.max_length;
  options.global_batch_size = recipe_.global_batch_size;
  options.seed = static_cast<uint64_t>(recipe_.seed);
  options.rank = ranks_.rank();
  options.ranks = ranks_.count();
  return open_llava_data(options, source_.config, *source_.tokenizer);
}

void Run::plan_steps() {
  const int64_t together = recipe_.per_device_batch_size * ranks_.count();
  check(recipe_.global_batch_size % together == 0,
        "recipe: 'global_batch_size' {} must be a multiple of 'per_device_batch_size' {} on {} ranks",
        recipe_.global_batch_size, recipe_.per_device_batch_size, ranks_.count());
  micro_per_step_ = recipe_.global_batch_size / together;
  steps_per_epoch_ =
      static_cast<int64_t>(data_->order(0).size()) / recipe_.per_device_batch_size / micro_per_step_;
  check(steps_per_epoch_ > 0, "{}: too few examples for one update", printable(recipe_.data, 1000));
  const int64_t all = steps_per_epoch_ * recipe_.epochs;
  schedule_.peak = recipe_.learning_rate;
  schedule_.total_steps = recipe_.max_steps > 0 ? std::min(recipe_.max_steps, all) : all;
  last_step_ =
      recipe_.stop_after > 0 ? std::min(recipe_.stop_after, schedule_.total_steps) : schedule_.total_steps;
  schedule_.warmup_steps = Schedule::warmup_of(schedule_.total_steps, recipe_.warmup_ratio);
  schedule_.shape = parse_schedule(recipe_.lr_schedule);
}

void Run::restore() {
  const std::optional<int64_t> latest = checkpoints_.latest();
  check(latest || !fs::exists(file(kGgufFile)),  // written last
        "{}: a finished run without checkpoints, so there is nothing to go on from; a new run can start from "
        "it with 'model'",
        printable(recipe_.output, 1000));
  resumed_ = "; no checkpoint is there, so from the start";
  if (!latest) return;
  checkpoints_.load(*latest, trainer_, origin_);
  check(*latest <= last_step_, "{}: made after {} updates, but the run has {}", checkpoints_.path(*latest),
        *latest, last_step_);
  step_ = *latest;
  resumed_ = fmt::format("; going on after update {}", step_);
}

MicroBatch Run::load(int64_t micro, EpochOrder& order) const {
  use_no_team();
  const int64_t per_epoch = steps_per_epoch_ * micro_per_step_, size = recipe_.per_device_batch_size;
  if (order.epoch != micro / per_epoch) order = {micro / per_epoch, data_->order(micro / per_epoch)};
  const auto begin = order.examples.begin() + micro % per_epoch * size;
  MicroBatch batch{{begin, begin + size}, {}};
  batch.loaded = data_->load(batch.examples);
  return batch;
}

/// "; examples data.json: example 3 (id '7'), ...", or nothing of none.
std::string Run::names_of(const std::vector<int64_t>& examples) const {
  std::vector<std::string> names;
  for (const int64_t example : examples) names.push_back(data_->name(example));
  return names.empty() ? "" : fmt::format("; examples {}", fmt::join(names, ", "));
}

StepMetrics Run::make_update(MicroBatches& batches) {
  const Clock::time_point start = Clock::now();
  StepMetrics metrics;
  metrics.step = step_ + 1;
  metrics.epoch = static_cast<double>(metrics.step) / static_cast<double>(steps_per_epoch_);
  metrics.learning_rate = schedule_.used(step_);
  std::vector<int64_t> all, suspects;  // examples of the update; those that an error may be due to
  try {
    for (int64_t micro = 0; micro < micro_per_step_; ++micro) {
      suspects.clear();  // what cannot be loaded is named by its error
      MicroBatch batch = batches.next().value();
      suspects = batch.examples;
      all.insert(all.end(), suspects.begin(), suspects.end());
      if (features_) complete_features(*features_, model_, batch.loaded);
      trainer_.accumulate(batch.loaded.batch);
      metrics.tokens += batch.loaded.tokens;
    }
    suspects = all;
    const StepResult result = trainer_.update(metrics.learning_rate);
    metrics.loss = result.loss;
    metrics.grad_norm = result.grad_norm;
    metrics.valid_labels = result.valid_labels;
  } catch (const RankLost&) {
    throw;
  } catch (const Error& error) {
    fail("update {}: {}{}", metrics.step, error.what(), names_of(suspects));
  }
  std::vector<double> tokens{static_cast<double>(metrics.tokens)};
  ranks_.sum(tokens);
  metrics.tokens = std::llround(tokens[0]);
  metrics.tokens_per_second =
      static_cast<double>(metrics.tokens) / std::chrono::duration<double>(Clock::now() - start).count();
  ++step_;
  return metrics;
}

/// A chart that cannot be written is no reason to end a run.
void Run::draw(RunLog& log, const MetricsFile& metrics) const {
  try {
    write_file(file(kChartFile), loss_chart(metrics.losses(), recipe_.output));
  } catch (const Error& error) {
    log.line(fmt::format("no chart: {}", error.what()));
  }
}

void Run::finish(RunLog& log, MetricsFile& metrics) {
  draw(log, metrics);
  log.line(fmt::format("writing {}", file(kGgufFile)));
  GgufOptions options;
  options.type = parse_dtype(recipe_.export_type);
  options.tokenizer = source_.tokenizer;
  options.threads = threads_;
  export_model(source_.config, model_.parameters(), recipe_.output, options);
  log.line(fmt::format("finished after {} updates, last loss {:.4f}: {}", step_, metrics.losses().back(),
                       file(kGgufFile)));
}

bool Run::any_rank(bool flag) const {
  std::vector<double> flags{flag ? 1.0 : 0.0};
  ranks_.sum(flags);
  return flags[0] > 0;
}

/// "12.1 MB", or "6.0, 6.1 MB" of two ranks.
std::string Run::optimizer_sizes() const {
  std::vector<double> bytes(static_cast<size_t>(ranks_.count()), 0);
  for (const Moments& moments : trainer_.optimizer().moments()) {
    bytes[static_cast<size_t>(ranks_.rank())] +=
        static_cast<double>(moments.exp_avg.nbytes() + moments.exp_avg_sq.nbytes());
  }
  ranks_.sum(bytes);
  std::vector<std::string> texts;
  for (const double size : bytes) texts.push_back(fmt::format("{:.2f}", size / 1e6));
  return fmt::format("{} MB", fmt::join(texts, ", "));
}

/// After the last update the model itself is about to be written, which needs less room.
void Run::save_checkpoint(RunLog& log) const {
  try {
    checkpoints_.save(trainer_, step_, origin_);
  } catch (const RankLost&) {
    throw;
  } catch (const Error& error) {
    if (step_ < last_step_) throw;
    log.line(fmt::format("no checkpoint: {}", error.what()));
  }
}

int Run::loop(RunLog& log, MetricsFile* metrics, const StopSignal& signal) {
  MicroBatches batches(step_ * micro_per_step_, last_step_ * micro_per_step_,
                       [this, order = EpochOrder()](int64_t micro) mutable { return load(micro, order); },
                       {.threads = 1, .capacity = kWaitingBatches});
  Clock::time_point charted = Clock::now();
  while (step_ < last_step_) {
    const StepMetrics made = make_update(batches);
    if (metrics) metrics->add(made);
    log.step(made);
    if (made.valid_labels == 0) {
      log.line(
          fmt::format("update {}: none of its examples has an answer in its first {} tokens, and so it "
                      "changes nothing",
                      step_, recipe_.max_length));
    }
    if (metrics && Clock::now() - charted >= kChartEvery) {
      draw(log, *metrics);
      charted = Clock::now();
    }
    // After the last one too: writing the model may fail.
    const bool due = recipe_.save_every > 0 && (step_ % recipe_.save_every == 0 || step_ == last_step_);
    const bool stop = any_rank(signal.received() != 0);
    if (due || stop) {
      if (metrics) metrics->flush();
      save_checkpoint(log);
    }
    if (!stop) continue;
    log.line(fmt::format("stopped by {} after update {}; go on with: cobra train run --resume {}",
                         signal.received() == SIGINT ? "SIGINT" : "SIGTERM", step_, recipe_.output));
    return signal.received() == SIGINT ? SIGINT : SIGTERM;
  }
  return 0;
}

int Run::train() {
  const bool first = ranks_.is_first();
  const StopSignal signal;
  RunLog log(first ? file(kLogFile) : "", last_step_);
  const auto metrics = first ? std::make_unique<MetricsFile>(file(kMetricsFile), step_) : nullptr;
  log.line(fmt::format("{} examples, {} updates of {}, {} processes, {} threads each{}", data_->examples(),
                       last_step_, recipe_.global_batch_size, ranks_.count(), threads_, resumed_));
  for (const std::string& note : data_->notes()) log.line(note);
  log.line(fmt::format("optimiser state by rank: {}", optimizer_sizes()));
  const int stopped_by = loop(log, metrics.get(), signal);
  if (stopped_by == 0 && first) finish(log, *metrics);
  ranks_.finish();
  return stopped_by != 0 ? stopped_by : signal.received();  // ends what was to follow
}

}  // namespace

int run_training(const RunRecipe& recipe, bool resume, const RankEnvironment& environment) {
  check_recipe(recipe);
  return Run(recipe, resume, environment).train();
}

}  // namespace cobra::train
