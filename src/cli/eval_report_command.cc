// cobra eval report: one page about several benchmarks, beside the paper's tables.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "cli/eval_command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "eval/report.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "RESULTS is a results log, a folder of results (results/, results/B/, one model's folder), or B=PATH.\n"
    "Examples:\n"
    "  cobra eval report results/ --data DIR -o report/\n"
    "  cobra eval report pope.jsonl gqa.jsonl --data DIR -o report/ --cases cases.json\n"
    "  cobra eval report vsr=results+rank-0.json --data DIR -o report/ --gallery 8\n"
    "CASES is a JSON array of {\"title\", \"question\"} and, if you like, \"kind\", \"image\" (relative to "
    "the "
    "file),\n"
    "\"expected\" and \"answers\" (an object: whose answer -> its text).";

struct ReportFlags {
  std::vector<std::string> results;
  std::string data;
  std::string output;
  std::string cases;
  int64_t gallery = 4;
};

/// In the order of the paper's tables; models in the order given.
std::vector<eval::ReportInput> inputs_of(const ReportFlags& flags) {
  std::vector<eval::ReportInput> inputs;
  for (const std::string& path : flags.results) {
    std::ranges::move(eval::report_inputs(path), std::back_inserter(inputs));
  }
  const auto place = [](const eval::ReportInput& input) {
    const auto& all = eval::benchmarks();
    return std::find(all.begin(), all.end(), input.benchmark) - all.begin();
  };
  std::stable_sort(inputs.begin(), inputs.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return inputs;
}

void write_and_print(const std::filesystem::path& path, const std::string& text) {
  write_file(path.string(), text);
  print(fmt::format("{}\n", path.string()));
}

void run_report(const ReportFlags& flags) {
  ProgressLine progress("scoring");
  eval::Report report;
  const std::vector<eval::ReportInput> inputs = inputs_of(flags);
  for (const eval::ReportInput& input : inputs) {
    report.sections.push_back(eval::report_section(input, flags.data, flags.gallery));
    progress.update(static_cast<int64_t>(report.sections.size()), static_cast<int64_t>(inputs.size()));
  }
  eval::tell_models_apart(report);
  if (!flags.cases.empty()) report.cases = eval::read_cases(flags.cases);
  progress.finish();
  const std::filesystem::path folder = flags.output;
  ensure_folder(flags.output);
  write_and_print(folder / "report.md", eval::report_markdown(report));
  write_and_print(folder / "report.html", eval::report_html(report));
}

}  // namespace

void add_eval_report_command(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand("report", "One page of scores, answers and the paper's tables");
  const auto flags = std::make_shared<ReportFlags>();
  command->add_option("results", flags->results, "Results of one or several benchmarks")
      ->type_name("RESULTS")
      ->required();
  command->add_option("--data", flags->data, "Folder that holds datasets/ and download/")
      ->type_name("DIR")
      ->required();
  command->add_option("-o,--output", flags->output, "Folder for report.html and report.md")
      ->type_name("DIR")
      ->required();
  command->add_option("--cases", flags->cases, "Qualitative cases")->type_name("CASES");
  constexpr int64_t kMaxGallery = 1000;
  add_integer(*command, "--gallery", flags->gallery, 0, kMaxGallery,
              "Right and wrong answers shown for each benchmark; 4 of each if not given");
  command->footer(kExamples);
  command->callback([flags] { run_report(*flags); });
}

}  // namespace cobra
