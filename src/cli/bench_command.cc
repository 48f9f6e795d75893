// cobra bench: how fast a model is on this machine, beside what the machine could do.
#include <algorithm>
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
    "  cobra bench -m cobra-3b-q8_0.gguf --only decode --chart depth.svg\n"
    "  cobra bench -m cobra-3b-q8_0.gguf --depths 0,131072 --limit 0 --json\n"
    "A random model of true shapes (cobra init --preset cobra-3b) is as fast as a trained one. For true "
    "figures\n"
    "nothing else may run.\n"
    "A depth is reached by reading as many tokens. Where that would take longer than --limit, the state "
    "reads as\n"
    "many as it takes to know this and is told the position; such figures are marked (* in the table,\n"
    "\"depth_reached\": \"set\" in JSON). A state has one size, so the work of a token is the same at any "
    "depth.";

/// What is empty or 0 leaves the plan as it is.
struct BenchFlags {
  ModelFlags model;
  std::string only, prompts, depths, batches, chart;
  int64_t tokens = 0, repeats = 0;
  double limit_s = 120;
  bool quick = false, json = false;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// "0,768" -> {0, 768}, each from `low` to `high`.
std::vector<int64_t> numbers(const std::string& text, const std::string& flag, int64_t low, int64_t high) {
  std::vector<int64_t> values;
  for (const std::string& part : split(text)) {
    int64_t value = 0;
    const char* end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data(), end, value);
    if (error != std::errc() || stop != end || value < low || value > high) {
      throw UsageError(
          fmt::format("{}: expected numbers from {} to {} with commas between them, found \"{}\"", flag, low,
                      high, printable(text)));
    }
    values.push_back(value);
  }
  return values;
}

std::vector<std::string> groups(const std::string& text) {
  const std::vector<std::string>& known = bench::group_names();
  std::vector<std::string> names = split(text);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw UsageError(fmt::format("--only: expected some of {} with commas between them, found \"{}\"",
                                 fmt::join(known, ","), printable(text)));
  }
  return names;
}

bench::Plan plan_of(const BenchFlags& flags) {
  constexpr int64_t kMostTokens = 1 << 24, kMostSessions = 256;
  bench::Plan plan;
  plan.model_path = flags.model.path;
  plan.effort.limit_s = flags.limit_s;
  if (flags.quick) {
    plan.effort.repeats = 2;
    plan.prompts = {128, 768};
    plan.depths = {0, 768};
    plan.batches = {1, 16};
    plan.new_tokens = 16;
  }
  if (flags.repeats > 0) plan.effort.repeats = flags.repeats;
  if (flags.tokens > 0) plan.new_tokens = flags.tokens;
  if (!flags.only.empty()) plan.only = groups(flags.only);
  if (!flags.prompts.empty()) plan.prompts = numbers(flags.prompts, "--prompts", 1, kMostTokens);
  if (!flags.depths.empty()) plan.depths = numbers(flags.depths, "--depths", 0, kMostTokens);
  if (!flags.batches.empty()) plan.batches = numbers(flags.batches, "--batches", 1, kMostSessions);
  if (!flags.chart.empty() && !plan.wants("decode")) {
    throw UsageError("--chart draws the decode figures, which --only leaves out");
  }
  return plan;
}

void run_bench(const BenchFlags& flags) {
  bench::Plan plan = plan_of(flags);
  check_output_differs(flags.chart, flags.model.path);
  const Runtime runtime = runtime_of(flags.model);
  std::unique_ptr<AtomicFile> chart;  // opened first: what cannot be written is told before the work
  if (!flags.chart.empty()) chart = std::make_unique<AtomicFile>(flags.chart);
  std::unique_ptr<ProgressLine> progress;
  plan.progress = [&](const std::string& what) {
    progress.reset();
    progress = std::make_unique<ProgressLine>("measuring: " + what);
  };
  const bench::BenchResult result = bench::measure(plan, runtime);
  progress.reset();
  if (chart) {
    chart->write(bench::depth_chart(result));
    chart->commit();
  }
  print(flags.json ? json_line(bench::to_json(result)) : bench::table(result));
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "How fast a model is here, beside the machine's ceilings");
  const auto flags = std::make_shared<BenchFlags>();
  add_model_flags(*command, flags->model, ModelDefault::shipped);
  const auto list = [&](const char* name, std::string& value, const char* type, const std::string& text) {
    command->add_option(name, value, text)->type_name(type);
  };
  list("--only", flags->only, "NAME,...",
       fmt::format("Measure these groups only: {}", fmt::join(bench::group_names(), ",")));
  list("--prompts", flags->prompts, "N,...", "Lengths of prompts; 128,768,4096 if not given");
  list("--depths", flags->depths, "N,...", "Tokens read before decoding; 0,768,16384,131072 if not given");
  list("--batches", flags->batches, "N,...", "Sessions that decode together; 1,2,4,8,16,32 if not given");
  add_integer(*command, "--tokens", flags->tokens, 1, 1 << 20, "Tokens decoded in each run; 64 if not given");
  add_integer(*command, "--repeats", flags->repeats, 1, 1000,
              "Runs of each figure, of which the median counts; 3 if not given");
  add_number(
      *command, "--limit", flags->limit_s, 0, 1e6,
      "Seconds after which a figure gets no further run, and that reaching a depth may take; 0: none; 120 "
      "if not given");
  command->add_flag("--quick", flags->quick,
                    "A first look: fewer and shorter runs, unless other flags ask for them");
  command->add_option("--chart", flags->chart, "Draw tokens/s and memory against depth (SVG)")
      ->type_name("FILE");
  command->add_flag("--json", flags->json, "The figures as one JSON object");
  command->footer(kExamples);
  command->callback([flags] { run_bench(*flags); });
}

}  // namespace cobra
