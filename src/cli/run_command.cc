// cobra run: answers questions about pictures.
// Each picture is read once; its session is forked for every question about it.
#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "base/fail.h"
#include "base/stopwatch.h"
#include "cli/answer.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/prompts.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra run -m cobra.gguf --image photo.jpg -p \"What is going on in this image?\"\n"
    "  cobra run -m cobra.gguf --image a.jpg --image b.jpg -p \"Is there a dog?\" --score \"Yes,No\" --json\n"
    "  cobra run -m cobra.gguf -p \"Name three birds.\" --temperature 0.7 --top-p 0.9 --seed 1 --max-tokens "
    "100\n"
    "  cobra run -m cobra.gguf --image photo.jpg --image-cache seen -p \"And what is behind it?\"\n"
    "The answer streams as the model writes it; --json gives the official decoding (cleaned up and "
    "stripped).";

struct RunFlags {
  ModelFlags model;
  PromptFlags prompts;
  GenerateFlags generate;
  ImageCacheFlags image_cache;
  CLI::Option* images = nullptr;
  std::optional<std::string> score;
  bool json = false;
  bool quiet = false;
};

/// "Yes,No" -> {"Yes", "No"}.
std::vector<std::string> split_answers(const std::string& score) {
  std::vector<std::string> answers;
  size_t start = 0;
  while (start <= score.size()) {
    const size_t comma = std::min(score.find(',', start), score.size());
    answers.push_back(score.substr(start, comma - start));
    if (answers.back().empty())
      throw UsageError("--score must be answers with commas between them, as in \"Yes,No\"");
    start = comma + 1;
  }
  std::vector<std::string> sorted = answers;
  std::sort(sorted.begin(), sorted.end());
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  if (twin != sorted.end()) throw UsageError(fmt::format("--score names '{}' twice", printable(*twin)));
  return answers;
}

class Runner {
 public:
  explicit Runner(const RunFlags& flags)
      : flags_(flags), options_(generate_options(flags.generate)), images_(flags.images->results()) {
    if (flags.score) score_ = split_answers(*flags.score);
  }

  void run() {
    const Stopwatch loading;
    const Model model = load_model(flags_.model);
    load_ms_ = loading.elapsed_ms();
    prompts_ = read_prompts(flags_.prompts, model);
    check_model(model);
    if (images_.empty()) return ask_all(Session(model), std::nullopt, {});
    ImageCache cache(model, image_cache_options(flags_.image_cache, options_));
    for (const std::string& image : images_) {
      ReadPicture picture = read_picture(cache, image);
      ask_all(std::move(picture.session), image, picture.cost);
    }
  }

 private:
  const RunFlags& flags_;
  const GenerateOptions options_;
  const std::vector<std::string> images_;
  std::vector<std::string> score_;
  std::vector<Prompt> prompts_;
  double load_ms_ = 0;

  /// What can be said before a picture has cost seconds.
  void check_model(const Model& model) const {
    check(images_.empty() || model.config().has_vision(),
          "{}: the model has no vision towers, so it cannot take --image", flags_.model.path);
    check(score_.empty() || model.tokenizer(),
          "{}: the model has no tokenizer, so --score cannot look up its answers", flags_.model.path);
    check(options_.stop.empty() || model.tokenizer(),
          "{}: the model has no tokenizer, so it cannot look for --stop", flags_.model.path);
    for (const Prompt& prompt : prompts_) {
      check(!prompt.ids.empty() || !images_.empty(),
            "the prompt is empty and there is no picture to go on from");
    }
  }

  /// Asks every prompt of a session that has read the picture.
  void ask_all(Session session, const std::optional<std::string>& image, PictureCost cost) {
    for (size_t i = 0; i < prompts_.size(); ++i) {
      const bool last = i + 1 == prompts_.size();
      Answer answer{image, prompts_[i].text, cost, {}, {}, load_ms_};
      ask(last ? std::move(session) : session.fork(), prompts_[i], answer);
      cost = {.tokens = cost.tokens,
              .cached = cost.cached};  // the next question does not pay for the picture again
    }
  }

  void ask(Session session, const Prompt& prompt, Answer& answer) {
    if (!score_.empty()) answer.probabilities = score(session.fork(), prompt);
    print_header(answer);
    const InterruptGuard guard;
    ProgressLine progress("reading the prompt");
    GenerateOptions options = options_;
    options.on_text = [&](std::string_view piece) {
      progress.finish();
      if (!flags_.json) print(piece);
      return !guard.interrupted();
    };
    answer.result = generate(session, prompt.ids, options);
    progress.finish();
    print_result(answer, session.model());
    if (guard.interrupted()) throw Interrupted();
  }

  std::vector<std::pair<std::string, double>> score(Session session, const Prompt& prompt) const {
    const std::vector<double> values = score_answers(session, prompt.ids, score_, options_.chunk);
    std::vector<std::pair<std::string, double>> named;
    for (size_t i = 0; i < score_.size(); ++i) named.emplace_back(score_[i], values.at(i));
    return named;
  }

  bool several_answers() const { return std::max<size_t>(images_.size(), 1) * prompts_.size() > 1; }

  void print_header(const Answer& answer) const {
    if (flags_.json || !several_answers()) return;
    const std::string image = answer.image ? picture_name(*answer.image) + ": " : "";
    print(fmt::format("== {}{}\n", printable(image, 200), printable(answer.prompt, 200)));
  }

  void print_result(const Answer& answer, const Model& model) const {
    if (flags_.json) {
      print(json_line(to_json(answer)));
    } else {
      // Without a tokenizer the ids are all there is to show.
      print(model.tokenizer() ? "\n" : fmt::format("{}\n", fmt::join(answer.result.tokens, ",")));
      for (const auto& [text, probability] : answer.probabilities)
        print(fmt::format("{}: {:.6f}\n", text, probability));
    }
    if (!flags_.quiet) say(statistics_line(answer, model.decode_bytes()));
  }
};

}  // namespace

void add_run_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("run", "Answer questions about pictures");
  const auto flags = std::make_shared<RunFlags>();
  add_model_flags(*command, flags->model, ModelDefault::shipped);
  flags->images = add_repeated_text(*command, "--image",
                                    "Picture (JPEG, PNG, WebP, data URI); every prompt is asked of each")
                      ->type_name("FILE");
  add_image_cache_flags(*command, flags->image_cache);
  add_prompt_flags(*command, flags->prompts);
  add_generate_flags(*command, flags->generate);
  command->add_option("--score", flags->score, "Probabilities of these one-token answers, as in \"Yes,No\"")
      ->type_name("TEXT");
  command->add_flag("--json", flags->json, "One JSON object per answer, one to a line");
  command->add_flag("-q,--quiet", flags->quiet, "No statistics on stderr");
  command->footer(kExamples);
  command->callback([flags] { Runner(*flags).run(); });
}

}  // namespace cobra
