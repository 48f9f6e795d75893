// cobra bench: how fast a model is on this machine, beside what the machine could do.
#include <charconv>
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "bench/measure.h"
#include "bench/report.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra bench -m cobra-3b-q8_0.gguf\n"
    "  cobra bench -m cobra-3b-q8_0.gguf --depths 0,768,16384,131072 --chart depth.svg --json\n"
    "A random model of true shapes (cobra init --preset cobra-3b) is as fast as a trained one. Depths and\n"
    "prompts are read in earnest, so 131072 tokens take their time. For true figures nothing else may run.";

struct BenchFlags {
  ModelFlags model;
  bench::Plan plan;
  std::string prompts, depths, batches, chart;
  bool json = false;
};

/// "0,768" -> {0, 768}, each from `low` to `high`.
std::vector<int64_t> numbers(const std::string& text, const std::string& flag, int64_t low, int64_t high) {
  std::vector<int64_t> values;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    int64_t value = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    if (error != std::errc() || stop != text.data() + end || value < low || value > high) {
      throw UsageError(
          fmt::format("{}: expected numbers from {} to {} with commas between them, found \"{}\"", flag, low,
                      high, printable(text)));
    }
    values.push_back(value);
    begin = end + 1;
  }
  return values;
}

void set_lists(BenchFlags& flags) {
  constexpr int64_t kMostTokens = 1 << 24, kMostSessions = 256;
  if (!flags.prompts.empty()) flags.plan.prompts = numbers(flags.prompts, "--prompts", 1, kMostTokens);
  if (!flags.depths.empty()) flags.plan.depths = numbers(flags.depths, "--depths", 0, kMostTokens);
  if (!flags.batches.empty()) flags.plan.batches = numbers(flags.batches, "--batches", 1, kMostSessions);
}

void run_bench(BenchFlags& flags) {
  set_lists(flags);
  const Model model = load_model(flags.model);
  flags.plan.model_path = flags.model.path;
  std::unique_ptr<ProgressLine> progress;
  flags.plan.progress = [&](const std::string& what) {
    progress = std::make_unique<ProgressLine>("measuring: " + what);
  };
  const bench::BenchResult result = bench::measure(model, flags.plan);
  progress.reset();
  if (!flags.chart.empty()) {
    AtomicFile file(flags.chart);
    file.write(bench::depth_chart(result));
    file.commit();
  }
  print(flags.json ? json_line(bench::to_json(model, result)) : bench::table(model, result));
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "How fast a model is here, beside the machine's ceilings");
  const auto flags = std::make_shared<BenchFlags>();
  add_model_flags(*command, flags->model, ModelDefault::shipped);
  command->add_option("--prompts", flags->prompts, "Lengths of prompts; 128,768,4096 if not given")
      ->type_name("N,N,...");
  command->add_option("--depths", flags->depths, "Tokens read before decoding; 0,768,4096 if not given")
      ->type_name("N,N,...");
  command
      ->add_option("--batches", flags->batches, "Sessions that decode together; 1,2,4,8,16,32 if not given")
      ->type_name("N,N,...");
  add_integer(*command, "--tokens", flags->plan.new_tokens, 1, 1 << 20, "Tokens decoded in each run");
  add_integer(*command, "--repeats", flags->plan.repeats, 1, 1000,
              "Runs of each figure, of which the median counts");
  command->add_option("--chart", flags->chart, "Draw tokens/s and memory against depth (SVG)")
      ->type_name("FILE");
  command->add_flag("--json", flags->json, "The figures as one JSON object");
  command->footer(kExamples);
  command->callback([flags] { run_bench(*flags); });
}

}  // namespace cobra
