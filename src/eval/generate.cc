// Source: the evaluation loop of Cobra's harness (vlm_eval/tasks), reordered by picture.
#include "eval/generate.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/fail.h"
#include "base/file.h"
#include "cobra/image_cache.h"
#include "eval/asking.h"
#include "eval/python_json.h"
#include "tokenizer/prompt.h"

namespace cobra::eval {
namespace {

/// The questions about one picture, as places in the index.
struct Group {
  std::string picture;
  std::vector<size_t> questions;
};

/// Groups in the order in which their pictures come first.
std::vector<Group> by_picture(const std::vector<Question>& questions) {
  std::vector<Group> groups;
  std::unordered_map<std::string_view, size_t> places;
  for (size_t i = 0; i < questions.size(); ++i) {
    const auto [place, is_new] = places.emplace(questions[i].picture, groups.size());
    if (is_new) groups.push_back({questions[i].picture, {}});
    groups[place->second].questions.push_back(i);
  }
  return groups;
}

/// Errors name the picture as the index does: a log has no paths of the machine.
Image load_picture(const std::string& root, const std::string& picture) {
  const std::filesystem::path path = std::filesystem::path(root) / picture;
  std::error_code error;
  check(std::filesystem::is_regular_file(path, error), "{}: no such file", printable(picture));
  const auto bytes = std::filesystem::file_size(path, error);
  check(!error && bytes <= static_cast<uintmax_t>(ImageLimits().max_bytes), "{}: too large: {} bytes",
        printable(picture), bytes);
  std::ifstream file(path, std::ios::binary);
  std::string encoded(bytes, '\0');
  file.read(encoded.data(), static_cast<std::streamsize>(bytes));
  check(file.good(), "{}: cannot be read", printable(picture));
  return Image::decode(std::as_bytes(std::span(encoded)), picture);
}

/// What a model answers that does not see: the floor of what its answers owe to pictures.
Image grey_like(const Image& image) {
  constexpr uint8_t kGrey = 128;
  return {image.width, image.height, std::vector<uint8_t>(image.pixels.size(), kGrey)};
}

Json run_header(const Dataset& dataset, const Question& first, const Model& model, const GenerateRun& run) {
  const ModelConfig& config = model.config();
  const BenchmarkInfo& info = dataset.benchmark->info();
  Json header = log_header(dataset, run.shard);
  if (run.limited) header["limit"] = dataset.entries.size();
  if (run.blind) header["pictures"] = "grey";
  const Numerics& numerics = model.runtime().numerics();
  if (numerics.state == StateType::bf16) header["state_type"] = "bf16";
  if (numerics.w8a8) header["w8a8"] = true;
  header["model"] = config.model_id;
  header["fingerprint"] = fmt::format("{:016x}", model.fingerprint());
  header["prompt_template"] = config.prompt_template;
  header["first_prompt"] =
      single_turn_prompt(parse_prompt_template(config.prompt_template), first.asks.at(0).message);
  header["decoding"] = dataset.benchmark->closed_set()
                           ? Json{{"method", "first-token probabilities"}, {"answers", info.answers}}
                           : Json{{"method", "greedy"}, {"max_new_tokens", kMaxNewTokens}};
  header["seed"] = 0;  // nothing is drawn
  header["version"] = run.version;
  return header;
}

class Run {
 public:
  Run(const Dataset& dataset, const Model& model, const GenerateRun& run)
      : dataset_(dataset),
        model_(model),
        run_(run),
        questions_(questions(dataset)),
        asking_(model, dataset.benchmark->info().answers, run.sharing ? run.batch : 1,
                [this](const AskId& ask, Json output) { take(ask, std::move(output)); }),
        log_(run.log_path, run_header(dataset, questions_.at(0), model, run), run.resume) {}

  GenerateCounts answer_all() {
    const std::vector<Group> groups = rest();
    for (const Group& group : groups) total_ += std::ssize(group.questions);
    for (const Group& group : groups) ask(group);
    asking_.finish();
    counts_.cut_prompts = asking_.cut_prompts();
    return counts_;
  }

 private:
  /// Answers that still lack outputs.
  struct Pending {
    std::vector<Json> outputs;
    size_t missing;
  };

  const Dataset& dataset_;
  const Model& model_;
  const GenerateRun& run_;
  const std::vector<Question> questions_;
  Asking asking_;
  LogWriter log_;  // last: it writes, and what the others refuse leaves no log
  std::map<size_t, Pending> pending_;
  GenerateCounts counts_;
  int64_t total_ = 0;

  /// The groups of this shard without what the log has answers to; what failed is asked again.
  std::vector<Group> rest() {
    std::vector<bool> answered(questions_.size());
    for (const Answer& answer : log_.earlier()) {
      const auto index = static_cast<size_t>(answer.index);
      check(index < questions_.size() && questions_[index].id == answer.id,
            "{}: '{}' is not question {} of {}", run_.log_path, printable(answer.id), answer.index,
            dataset_.index_path);
      if (!answer.error.empty()) continue;
      answered[index] = true;
      count(answer);
    }
    counts_.earlier = counts_.questions;
    std::vector<Group> groups = by_picture(questions_), rest;
    for (size_t i = static_cast<size_t>(run_.shard.index); i < groups.size();
         i += static_cast<size_t>(run_.shard.count)) {
      std::erase_if(groups[i].questions, [&](size_t question) { return answered[question]; });
      if (!groups[i].questions.empty()) rest.push_back(std::move(groups[i]));
    }
    return rest;
  }

  void ask(const Group& group) {
    std::string why;
    std::optional<Session> shared;
    if (run_.sharing) shared = see(group.picture, why);
    for (const size_t question : group.questions) {
      if (why.empty()) {
        ask(question, shared);
      } else {
        give_up(question, why);
      }
    }
  }

  void ask(size_t question, const std::optional<Session>& shared) {
    const auto& [id, picture, asks] = questions_[question];
    pending_[question] = {std::vector<Json>(asks.size()), asks.size()};
    for (size_t i = 0; i < asks.size(); ++i) {
      std::string why;
      std::optional<Session> session = shared ? shared->fork() : see(picture, why);
      if (!session) return give_up(question, why);
      asking_.add({question, i}, asks[i].message, std::move(*session));
    }
  }

  /// A session that has read the picture; or nothing and `why` not.
  std::optional<Session> see(const std::string& picture, std::string& why) const {
    try {
      const Image image = load_picture(dataset_.root, picture);
      return ImageCache(model_).read(run_.blind ? grey_like(image) : image).session;
    } catch (const Error& error) {
      why = error.what();
      return std::nullopt;
    }
  }

  void take(const AskId& ask, Json output) {
    Pending& pending = pending_.at(ask.question);
    pending.outputs[ask.ask] = std::move(output);
    if (--pending.missing > 0) return;
    append({static_cast<int64_t>(ask.question), questions_[ask.question].id, std::move(pending.outputs), {}});
    pending_.erase(ask.question);
  }

  void give_up(size_t question, const std::string& why) {
    pending_.erase(question);
    append({static_cast<int64_t>(question), questions_[question].id, {}, why});
  }

  void append(const Answer& answer) {
    log_.append(answer);
    count(answer);
    if (run_.progress) run_.progress(counts_.questions - counts_.earlier, total_);
  }

  void count(const Answer& answer) {
    ++counts_.questions;
    if (answer.error.empty()) return;
    if (counts_.failed++ == 0) counts_.first_error = answer.error;
  }
};

/// The finished log in index order, and its official form.
void write_results(const Dataset& dataset, const GenerateRun& run) {
  ResultsLog log = read_log(run.log_path);
  std::sort(log.answers.begin(), log.answers.end(),
            [](const Answer& a, const Answer& b) { return a.index < b.index; });
  write_file(run.log_path, log_text(log));
  write_file(run.official_path, python_json(official_results(log, dataset), 2));
}

}  // namespace

GenerateCounts generate_results(const Dataset& dataset, const Model& model, const GenerateRun& run) {
  check(model.config().has_vision(), "the model has no vision towers, so it cannot see the pictures");
  check(model.tokenizer() != nullptr, "the model has no tokenizer, so it cannot read the questions");
  const GenerateCounts counts = Run(dataset, model, run).answer_all();
  write_results(dataset, run);
  return counts;
}

}  // namespace cobra::eval
