#include "bench/measure.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "bench/memory.h"
#include "bench/operations.h"
#include "bench/paired.h"
#include "bench/summed_read.h"
#include "cobra/session.h"
#include "cobra/session_batch.h"
#include "model/model_parts.h"
#include "runtime/session_impl.h"

namespace cobra::bench {
namespace {

constexpr int64_t kQuestionTokens = 24, kShortPrompt = 8;
constexpr int kPictureWidth = 640, kPictureHeight = 480;

/// Ids that differ.
std::vector<int32_t> some_tokens(const ModelConfig& config, int64_t count) {
  std::vector<int32_t> ids;
  const auto vocabulary = static_cast<uint64_t>(config.mamba.vocab_size);
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>(static_cast<uint64_t>(i) * 7919 % vocabulary));
  }
  return ids;
}

/// What a picture shows does not change its time.
Image some_picture() {
  Image image{kPictureWidth, kPictureHeight,
              std::vector<uint8_t>(size_t{kPictureWidth} * kPictureHeight * 3)};
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 31);
  return image;
}

/// A name in the folder for temporary files; the file is removed at the end.
class TemporaryFile {
 public:
  TemporaryFile()
      : path_(std::filesystem::temp_directory_path() / ("cobra-bench-" + std::to_string(getpid()))) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::vector<double> in_ms(std::vector<double> times) {
  for (double& time : times) time *= 1e3;
  return times;
}

class Bench {
 public:
  Bench(const Plan& plan, const Runtime& runtime) : plan_(plan), runtime_(runtime) {}

  BenchResult run() {
    say("loading the model");
    load();
    describe();
    CeilingMeter& ceilings = ceilings_.emplace(config().mamba, runtime_);
    say("ceilings");
    ceilings.sample(std::max<int64_t>(plan_.effort.repeats, 3));
    for (const auto& [group, measure_group] : groups()) {
      if (!plan_.wants(group)) continue;
      group_ = group;
      (this->*measure_group)();
      say("ceilings");
      ceilings.sample(std::max<int64_t>(plan_.effort.repeats / 2, 1));
    }
    result_.ceilings = ceilings.medians();
    result_.ceiling_samples = ceilings.samples();
    for (Figure& figure : result_.figures) set_ceiling(figure, result_.ceilings);
    return std::move(result_);
  }

  /// Cheap ones first, and those of the language model alone before the towers are in memory.
  using Groups = std::vector<std::pair<std::string, void (Bench::*)()>>;
  static const Groups& groups() {
    static const Groups all = {{"start", &Bench::start},     {"memory", &Bench::memory},
                               {"session", &Bench::session}, {"decode", &Bench::decode},
                               {"batch", &Bench::batch},     {"prefill", &Bench::prefill},
                               {"vision", &Bench::vision},   {"question", &Bench::question}};
    return all;
  }

 private:
  const Plan& plan_;
  const Runtime& runtime_;
  std::optional<Model> model_;
  std::optional<CeilingMeter> ceilings_;
  std::string group_;  // whose figures are made
  BenchResult result_;

  const ModelConfig& config() const { return model_->config(); }
  void load() { model_.emplace(Model::load(plan_.model_path, runtime_)); }
  /// Seconds that work() takes while no model is loaded; giving one's memory back is not part of them.
  template <typename Work>
  std::vector<double> repeated_starts(const Work& work) {
    return repeated_values(plan_.effort, [&] {
      model_.reset();
      return seconds(work);
    });
  }
  void describe() {
    result_.isa = runtime_.isa();
    result_.threads = runtime_.threads();
    result_.w8a8 = runtime_.numerics().w8a8;
    result_.file_bytes = model_->file_bytes();
    result_.decode_bytes = model_->decode_bytes();
    result_.state_bytes = Session(*model_).state_bytes();
    result_.prompt_token_operations = prompt_token_operations(config().mamba);
    result_.head_operations = head_operations(config().mamba);
    if (config().has_vision()) result_.picture_operations = picture_operations(config());
  }

  void say(const std::string& what) const {
    if (plan_.progress) plan_.progress(what);
  }
  Figure& add(std::string name, std::string unit, std::vector<double> values, Demand demand = {}) {
    Figure& figure = result_.figures.emplace_back();
    figure.group = group_;
    figure.name = std::move(name);
    figure.unit = std::move(unit);
    figure.values = std::move(values);
    figure.demand = demand;
    return figure;
  }
  /// The same, each run beside what its work takes at the least.
  Figure& add_paired(std::string name, std::string unit, const std::vector<PairedTime>& runs,
                     double tokens = 1) {
    Figure& figure = add(std::move(name), std::move(unit), {});
    figure.tokens = tokens;
    for (const PairedTime& run : runs) {
      figure.values.push_back(in_unit(figure, run.seconds));
      figure.ceilings.push_back(in_unit(figure, run.least_seconds));
    }
    return figure;
  }
  /// Seconds for one of the calls step(0), ..., step(steps - 1), beside those for a read of the weights.
  template <typename Step>
  std::vector<PairedTime> repeated_steps(int64_t steps, const Step& step) const {
    std::vector<Words> weights;
    for (const auto& read : model_->parts().mamba.decode_reads(config().mamba))
      weights.push_back(words_of(read));
    [[maybe_unused]] volatile uint64_t sum = 0;
    const auto read = [&] { sum = summed_read(weights, runtime_.threads(), ceilings_->read_prefetches()); };
    return repeated_values(plan_.effort, [&] { return beside_reads(steps, step, read); });
  }
  /// Seconds that measure() tells, beside those for as many operations in oneDNN's product.
  template <typename Measure>
  std::vector<PairedTime> repeated_products(double operations, const Measure& measure) const {
    PromptProduct product(config().mamba, runtime_.threads());
    const auto rate = [&] { return product.tflop_per_s(); };
    return repeated_values(plan_.effort, [&] { return beside_products(operations, rate, measure); });
  }
  double weight_bytes() const { return static_cast<double>(model_->decode_bytes()); }
  double file_gb() const { return static_cast<double>(model_->file_bytes()) / 1e9; }
  /// Of the products for a prompt, with the logits of its last token.
  double prompt_operations(int64_t tokens) const {
    return static_cast<double>(tokens) * result_.prompt_token_operations + result_.head_operations;
  }
  /// Of a prompt so short that reading the weights may take longer than the products.
  Demand short_prompt(int64_t tokens) const { return {prompt_operations(tokens), weight_bytes()}; }

  void start() {
    say("loading the model");
    add("load, file in the page cache", "ms", in_ms(repeated_starts([&] { load(); })));
    const std::vector<int32_t> prompt = some_tokens(config(), kShortPrompt);
    const auto load_and_read = [&] {
      load();
      Session session(*model_);
      session.read_tokens(prompt);
    };
    add("load and first token after " + std::to_string(kShortPrompt), "ms",
        in_ms(repeated_starts(load_and_read)), short_prompt(kShortPrompt));
  }

  void memory() {
    forget_peak();
    add("resident memory, model loaded", "GB", {resident_gb()}).ceilings = {file_gb()};
  }

  void session() {
    say("saving and loading a session");
    Session session(*model_);
    session.read_tokens(some_tokens(config(), 1));
    const TemporaryFile file;
    add("save a session", "ms", in_ms(repeated(plan_.effort, [&] { session.save(file.path()); })));
    add("load a session", "ms", in_ms(repeated(plan_.effort, [&] { Session::load(*model_, file.path()); })));
    add("fork a session", "ms", in_ms(repeated(plan_.effort, [&] { session.fork(); })));
  }

  /// Reads on to `depth`, or only sets the position where that would take longer than the limit. `read`
  /// counts the tokens that were really read.
  void reach(Session& session, int64_t depth, int64_t& read) const {
    constexpr int64_t kChunk = 1024;
    const int64_t wanted = depth - session.position();
    const std::vector<int32_t> ids = some_tokens(config(), std::min(wanted, kChunk));
    double spent = 0;
    for (int64_t done = 0; done < wanted;) {
      const auto count = static_cast<size_t>(std::min(kChunk, wanted - done));
      spent += seconds([&] { session.read_tokens(std::span(ids).first(count)); });
      done += static_cast<int64_t>(count), read += static_cast<int64_t>(count);
      const double expected = spent * static_cast<double>(wanted) / static_cast<double>(done);
      if (plan_.effort.limit_s > 0 && expected > plan_.effort.limit_s) break;
    }
    session.impl().state.position = depth;
  }

  void decode() {
    std::vector<int64_t> depths = plan_.depths;
    std::sort(depths.begin(), depths.end());
    const std::vector<int32_t> ids = some_tokens(config(), plan_.new_tokens);
    Session reader(*model_);
    int64_t read = 0;
    for (const int64_t depth : depths) {
      const std::string at_depth = " at depth " + std::to_string(depth);
      say("decoding" + at_depth);
      reach(reader, depth, read);
      reader = reader.fork();  // without the memory that reading took
      Session session = reader.fork();
      forget_peak();
      const auto runs =
          repeated_steps(plan_.new_tokens, [&](int64_t i) { session.step(ids[static_cast<size_t>(i)]); });
      Figure& speed = add_paired("decode" + at_depth, "tokens/s", runs);
      speed.depth = depth, speed.tokens_read = read;
      Figure& memory = add("peak memory" + at_depth, "GB", {peak_resident_gb()});
      memory.ceilings = {file_gb()};
      memory.depth = depth, memory.tokens_read = read;
    }
  }

  void batch() {
    const int64_t steps = std::max<int64_t>(plan_.new_tokens / 4, 1);
    Session begun(*model_);
    begun.read_tokens(some_tokens(config(), kQuestionTokens));
    for (const int64_t count : plan_.batches) {
      say(std::to_string(count) + " sessions together");
      std::vector<Session> sessions;
      std::vector<Session*> pointers;
      for (int64_t i = 0; i < count; ++i) sessions.push_back(begun.fork());
      for (Session& session : sessions) pointers.push_back(&session);
      const std::vector<int32_t> ids = some_tokens(config(), count);
      const auto runs = repeated_steps(steps, [&](int64_t) { step(pointers, ids); });
      add_paired("decode of " + std::to_string(count) + (count == 1 ? " session" : " sessions together"),
                 "tokens/s", runs, static_cast<double>(count));
    }
  }

  void prefill() {
    for (const int64_t length : plan_.prompts) {
      const std::string name = "prefill of " + std::to_string(length) + " tokens";
      say(name);
      const std::vector<int32_t> ids = some_tokens(config(), length);
      const auto read = [&] {
        Session session(*model_);
        session.read_tokens(ids);
      };
      add_paired(name, "tokens/s",
                 repeated_products(prompt_operations(length), [&] { return seconds(read); }),
                 static_cast<double>(length));
    }
  }

  void vision() {
    if (!config().has_vision()) return;
    say("towers and projector");
    const Image picture = some_picture();
    add_paired("vision: towers and projector", "ms", repeated_products(result_.picture_operations, [&] {
                 return model_->embed(picture).vision_ms / 1e3;
               }));
  }

  void question() {
    if (!config().has_vision()) return;
    say("questions about a picture");
    const Image picture = some_picture();
    const std::vector<int32_t> ids = some_tokens(config(), kQuestionTokens);
    std::vector<double> next;  // of every first one
    forget_peak();
    const auto ask = [&](const Session& seen) {
      Session session = seen.fork();
      session.read_tokens(ids);
    };
    const std::vector<double> first = repeated_values(plan_.effort, [&] {
      std::optional<Session> seen;
      const double time = seconds([&] {
        seen.emplace(*model_);
        seen->read_embeddings(model_->embed(picture).view());
        ask(*seen);
      });
      next.push_back(seconds([&] { ask(*seen); }));
      return time;
    });
    next.erase(next.begin(), next.end() - std::ssize(first));
    std::vector<double> share;
    for (size_t i = 0; i < first.size(); ++i) share.push_back(next[i] / first[i]);
    add("first token of a question about a picture", "ms", in_ms(first),
        {result_.picture_operations + prompt_operations(config().image_tokens() + kQuestionTokens), 0});
    add("first token of the next question", "ms", in_ms(next), short_prompt(kQuestionTokens));
    add("the next question against the first", "ratio", share);
    add("peak memory of a question about a picture", "GB", {peak_resident_gb()}).ceilings = {file_gb()};
  }
};

}  // namespace

const std::vector<std::string>& group_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& group : Bench::groups()) all.push_back(group.first);
    return all;
  }();
  return names;
}

bool Plan::wants(const std::string& group) const {
  return only.empty() || std::find(only.begin(), only.end(), group) != only.end();
}

BenchResult measure(const Plan& plan, const Runtime& runtime) { return Bench(plan, runtime).run(); }

}  // namespace cobra::bench
