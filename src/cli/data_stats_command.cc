// cobra data stats: what a training file holds.
#include <memory>

#include "base/fail.h"
#include "cli/data_command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cobra/runtime.h"
#include "data/stats.h"
#include "formats/gguf.h"

namespace cobra {
namespace {

constexpr size_t kShownProblems = 10;

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra data stats mix1231k.json\n"
    "  cobra data stats mix1231k.json --images data -m cobra.gguf\n"
    "  cobra data stats fashion/train.json --images fashion --tokenizer tokenizer.json --json";

struct StatsFlags {
  std::string file;
  std::string images;
  std::string model;
  std::string tokenizer;
  std::string prompt_template;
  int64_t max_length = 2048;
  CLI::Option* max_length_option = nullptr;
  int64_t threads = 0;
  bool align = false;
  bool only_look = false;
  bool json = false;
};

/// What tokens are counted with: nothing, or a tokenizer and the template of its model.
struct Text {
  std::unique_ptr<Tokenizer> tokenizer;
  std::string prompt_template = "zephyr";
};

void check_flags(const StatsFlags& flags) {
  if (!flags.model.empty() && !flags.tokenizer.empty())
    throw UsageError("only one of -m and --tokenizer goes");
  const bool counts_tokens = !flags.model.empty() || !flags.tokenizer.empty();
  if (!counts_tokens && (!flags.prompt_template.empty() || *flags.max_length_option)) {
    throw UsageError("--template and --max-length are for counting tokens: give -m or --tokenizer");
  }
}

Text load_text(const StatsFlags& flags) {
  Text text;
  if (!flags.tokenizer.empty()) {
    text.tokenizer = std::make_unique<Tokenizer>(TokenizerData::from_json(flags.tokenizer));
  } else if (!flags.model.empty()) {
    const GgufFile file(flags.model);
    check(TokenizerData::in_gguf(file), "{}: the model has no tokenizer", printable(flags.model, 1000));
    text.tokenizer = std::make_unique<Tokenizer>(TokenizerData::from_gguf(file));
    text.prompt_template = file.text("cobra.prompt_template", text.prompt_template);
  }
  if (!flags.prompt_template.empty()) text.prompt_template = flags.prompt_template;
  return text;
}

Json to_json(const data::Distribution& d) {
  return {{"total", d.total}, {"mean", d.mean}, {"min", d.min}, {"p50", d.p50},
          {"p90", d.p90},     {"p99", d.p99},   {"max", d.max}};
}

Json to_json(const std::vector<data::PictureProblem>& problems) {
  Json list = Json::array();
  for (const data::PictureProblem& p : problems) {
    list.push_back({{"image", p.picture}, {"examples", p.examples}, {"problem", p.reason}});
  }
  return list;
}

Json to_json(const data::Stats& stats) {
  Json value = {{"examples", stats.examples},
                {"with_picture", stats.with_picture},
                {"text_only", stats.examples - stats.with_picture},
                {"pictures", stats.pictures},
                {"turns", to_json(stats.turns)},
                {"words", to_json(stats.words)}};
  if (stats.has_tokens) {
    value["tokens"] = to_json(stats.tokens);
    value["target_tokens"] = to_json(stats.targets);
    value["longer_than_max_length"] = stats.longer;
    value["without_target"] = stats.without_target;
  }
  Json bad = Json::array();
  for (const data::Skipped& s : stats.bad_examples) {
    bad.push_back({{"position", s.position}, {"problem", s.reason}});
  }
  value["bad_examples"] = stats.bad_example_count;
  value["problems"] = {
      {"examples", bad}, {"missing", to_json(stats.missing)}, {"broken", to_json(stats.broken)}};
  return value;
}

std::string line(std::string_view label, const data::Distribution& d) {
  return fmt::format("{:<14} {:>12} {:>9.1f} {:>8} {:>8} {:>8} {:>8} {:>8}\n", label, d.total, d.mean, d.min,
                     d.p50, d.p90, d.p99, d.max);
}

void print_pictures(std::string_view kind, const std::vector<data::PictureProblem>& problems) {
  if (problems.empty()) return;
  print(fmt::format("{} pictures: {}\n", kind, problems.size()));
  for (size_t i = 0; i < std::min(problems.size(), kShownProblems); ++i) {
    const data::PictureProblem& p = problems[i];
    print(fmt::format("  {} ({} examples): {}\n", printable(p.picture), p.examples, p.reason));
  }
  if (problems.size() > kShownProblems) print("  ...\n");
}

void print_problems(const data::Stats& stats) {
  if (stats.bad_example_count > 0) print(fmt::format("bad examples: {}\n", stats.bad_example_count));
  for (size_t i = 0; i < std::min(stats.bad_examples.size(), kShownProblems); ++i) {
    print(fmt::format("  {}\n", stats.bad_examples[i].reason));
  }
  if (stats.bad_examples.size() > kShownProblems) print("  ...\n");
  print_pictures("missing", stats.missing);
  print_pictures("broken", stats.broken);
}

void print_stats(const data::Stats& stats, int64_t max_length) {
  print(fmt::format("{} examples: {} with a picture ({} different ones), {} text only\n", stats.examples,
                    stats.with_picture, stats.pictures, stats.examples - stats.with_picture));
  print(fmt::format("{:<14} {:>12} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}\n", "per example", "total", "mean",
                    "min", "50 %", "90 %", "99 %", "max"));
  print(line("turns", stats.turns) + line("words", stats.words));
  if (stats.has_tokens) {
    print(line("tokens", stats.tokens) + line("target tokens", stats.targets));
    print(fmt::format("{} examples are longer than {} tokens and cut, {} have no target token\n",
                      stats.longer, max_length, stats.without_target));
  }
  print_problems(stats);
}

void run_stats(const StatsFlags& flags) {
  check_flags(flags);
  const Text text = load_text(flags);
  const data::PictureFolder folder(flags.images);
  RuntimeOptions runtime;
  runtime.threads = static_cast<int>(flags.threads);

  ProgressLine progress("reading");
  data::StatsOptions options;
  options.tokenizer = text.tokenizer.get();
  options.tokenize.stage = flags.align ? data::Stage::align : data::Stage::finetune;
  options.tokenize.prompt_template = parse_prompt_template(text.prompt_template);
  options.tokenize.max_length = flags.max_length;
  options.threads = options.pictures.threads = Runtime(runtime).threads();
  options.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  options.pictures.progress = options.progress;
  options.pictures.decode = !flags.only_look;
  if (!flags.images.empty()) options.pictures.folder = &folder;

  const data::Stats stats = data::dataset_stats(flags.file, options);
  progress.finish();
  if (flags.json) return print(json_line(to_json(stats)));
  print_stats(stats, flags.max_length);
}

}  // namespace

void add_data_stats_command(CLI::App& data) {
  CLI::App* command = data.add_subcommand("stats", "Count what a training file holds and look for problems");
  const auto flags = std::make_shared<StatsFlags>();
  command->add_option("file", flags->file, "Training file (LLaVA's JSON)")->required()->type_name("FILE");
  command->add_option("--images", flags->images, "Folder of its pictures; without it they are not looked for")
      ->type_name("DIR");
  command->add_option("-m,--model", flags->model, "Model file (GGUF), to count tokens")->type_name("FILE");
  command->add_option("--tokenizer", flags->tokenizer, "tokenizer.json, to count tokens")->type_name("FILE");
  command
      ->add_option("--template", flags->prompt_template, "Prompt template (default: the model's, or zephyr)")
      ->check(CLI::IsMember({"zephyr", "mamba", "pure"}));
  flags->max_length_option =
      add_integer(*command, "--max-length", flags->max_length, 1, INT32_MAX, "Tokens at which training cuts");
  command->add_flag("--align", flags->align, "Read the file as the align stage does: captions");
  command->add_flag("--only-look", flags->only_look,
                    "Only look whether pictures are there; do not decode them");
  add_integer(*command, "--threads", flags->threads, 0, 1024, "Threads; 0: one for each core");
  command->add_flag("--json", flags->json, "As one JSON object");
  command->footer(kExamples);
  command->callback([flags] { run_stats(*flags); });
}

}  // namespace cobra
