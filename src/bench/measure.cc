#include "bench/measure.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "bench/operations.h"
#include "bench/repeated.h"
#include "cobra/session.h"
#include "cobra/session_batch.h"

namespace cobra::bench {
namespace {

constexpr int64_t kQuestionTokens = 24;

/// Ids that differ, so that no cache helps.
std::vector<int32_t> some_tokens(const Model& model, int64_t count) {
  std::vector<int32_t> ids;
  const auto vocabulary = static_cast<uint64_t>(model.config().mamba.vocab_size);
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>(static_cast<uint64_t>(i) * 7919 % vocabulary));
  }
  return ids;
}

/// A square of the first tower's size; a picture's content does not change the time.
Image some_picture(const ModelConfig& config) {
  Image image;
  image.width = image.height = config.towers.at(0).image_size;
  image.pixels.resize(static_cast<size_t>(image.width) * image.height * 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 31);
  return image;
}

/// What the process holds now. Not the most it held: a second copy of the model is loaded to time it.
double resident_gb() {
  std::ifstream status("/proc/self/status");
  for (std::string field; status >> field;) {
    double kilobytes = 0;
    if (field == "VmRSS:" && status >> kilobytes) return kilobytes * 1024 / 1e9;
  }
  return 0;
}

class Bench {
 public:
  Bench(const Model& model, const Plan& plan) : model_(model), plan_(plan) {}

  BenchResult run() {
    say("ceilings");
    result_.ceilings = measure_ceilings(model_, std::max<int64_t>(plan_.repeats, 5));
    start_up();
    if (model_.config().has_vision()) pictures();
    prompts();
    decode();
    batches();
    sessions();
    add("resident memory", "GB", {resident_gb()}, static_cast<double>(model_.file_bytes()) / 1e9);
    return std::move(result_);
  }

 private:
  const Model& model_;
  const Plan& plan_;
  BenchResult result_;

  void say(const std::string& what) const {
    if (plan_.progress) plan_.progress(what);
  }
  void add(std::string name, std::string unit, std::vector<double> values, double ceiling = 0,
           double depth = -1) {
    result_.figures.push_back({std::move(name), std::move(unit), std::move(values), ceiling, depth});
  }
  void add_times(std::string name, const std::vector<double>& times, double ceiling_s = 0) {
    std::vector<double> ms;
    for (const double time : times) ms.push_back(time * 1e3);
    add(std::move(name), "ms", std::move(ms), ceiling_s * 1e3);
  }
  static std::vector<double> rates(double count, const std::vector<double>& times) {
    std::vector<double> values;
    for (const double time : times) values.push_back(count / time);
    return values;
  }
  /// Seconds of so many operations at oneDNN's rate.
  double product_seconds(double operations) const {
    return operations / (result_.ceilings.onednn_bf16_tflop_per_s * 1e12);
  }
  /// Tokens a second if a token cost nothing but one read of the weights.
  double memory_rate() const {
    return result_.ceilings.read_gb_per_s * 1e9 / static_cast<double>(model_.decode_bytes());
  }

  void start_up() {
    say("start-up");
    add_times("start-up, file in the page cache",
              repeated(plan_.repeats, [&] { Model::load(plan_.model_path, model_.runtime()); }));
  }

  void pictures() {
    say("pictures");
    const Image image = some_picture(model_.config());
    add_times("towers and projector", repeated(plan_.repeats, [&] { model_.embed(image); }),
              product_seconds(picture_operations(model_.config())));
    const std::vector<int32_t> question = some_tokens(model_, kQuestionTokens);
    std::vector<double> first, second;
    for (int64_t i = 0; i < plan_.repeats; ++i) {
      Session seen(model_);
      const double reading = seconds([&] { seen.read_embeddings(model_.embed(image).view()); });
      const auto ask = [&] {
        Session session = seen.fork();
        session.read_tokens(question);
      };
      const double asking = seconds(ask);
      first.push_back(reading + asking);
      second.push_back(seconds(ask));
    }
    const MambaConfig& mamba = model_.config().mamba;
    const double question_operations =
        kQuestionTokens * prompt_token_operations(mamba) + head_operations(mamba);
    add_times("first token of a question about a picture", first,
              product_seconds(picture_operations(model_.config()) + question_operations +
                              model_.config().image_tokens() * prompt_token_operations(mamba)));
    add_times("first token of the next question", second, product_seconds(question_operations));
  }

  void prompts() {
    for (const int64_t length : plan_.prompts) {
      say(std::to_string(length) + " tokens of a prompt");
      const std::vector<int32_t> ids = some_tokens(model_, length);
      const std::vector<double> times = repeated(plan_.repeats, [&] {
        Session session(model_);
        session.read_tokens(ids);
      });
      const MambaConfig& mamba = model_.config().mamba;
      const double operations =
          static_cast<double>(length) * prompt_token_operations(mamba) + head_operations(mamba);
      add("prompt of " + std::to_string(length), "tokens/s", rates(static_cast<double>(length), times),
          static_cast<double>(length) / product_seconds(operations));
    }
  }

  std::vector<double> step_rates(Session& session) {
    const std::vector<int32_t> ids = some_tokens(model_, plan_.new_tokens);
    const std::vector<double> times = repeated(plan_.repeats, [&] {
      for (const int32_t id : ids) session.step(id);
    });
    return rates(static_cast<double>(ids.size()), times);
  }

  void decode() {
    std::vector<int64_t> depths = plan_.depths;
    std::sort(depths.begin(), depths.end());
    Session session(model_);
    for (const int64_t depth : depths) {
      say("decoding at depth " + std::to_string(depth));
      if (depth > session.position()) session.read_tokens(some_tokens(model_, depth - session.position()));
      Session measured = session.fork();
      add("decode at depth " + std::to_string(depth), "tokens/s", step_rates(measured), memory_rate(),
          static_cast<double>(depth));
      add("memory at depth " + std::to_string(depth), "GB", {resident_gb()}, 0, static_cast<double>(depth));
    }
    result_.state_bytes = session.state_bytes();
  }

  void batches() {
    for (const int64_t count : plan_.batches) {
      say(std::to_string(count) + " sessions together");
      std::vector<Session> sessions;
      std::vector<Session*> pointers;
      for (int64_t i = 0; i < count; ++i) sessions.emplace_back(model_);
      for (Session& session : sessions) pointers.push_back(&session);
      const std::vector<int32_t> ids = some_tokens(model_, count);
      const int64_t steps = std::max<int64_t>(plan_.new_tokens / 4, 1);
      const std::vector<double> times = repeated(plan_.repeats, [&] {
        for (int64_t i = 0; i < steps; ++i) step(pointers, ids);
      });
      add("decode of " + std::to_string(count) + " sessions together", "tokens/s",
          rates(static_cast<double>(steps * count), times), static_cast<double>(count) * memory_rate());
    }
  }

  void sessions() {
    say("sessions");
    Session session(model_);
    session.read_tokens(some_tokens(model_, 1));
    const std::string path =
        (std::filesystem::temp_directory_path() / ("cobra-bench-" + std::to_string(model_.fingerprint())))
            .string();
    add_times("session to a file", repeated(plan_.repeats, [&] { session.save(path); }));
    add_times("session from a file", repeated(plan_.repeats, [&] { Session::load(model_, path); }));
    std::filesystem::remove(path);
  }
};

}  // namespace

double Figure::value() const { return median(values); }

double Figure::fraction_of_ceiling() const {
  if (ceiling <= 0) return std::numeric_limits<double>::quiet_NaN();
  const bool more_is_better = unit == "tokens/s";
  return more_is_better ? value() / ceiling : ceiling / value();
}

BenchResult measure(const Model& model, const Plan& plan) { return Bench(model, plan).run(); }

}  // namespace cobra::bench
