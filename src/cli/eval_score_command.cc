// cobra eval score: official scores of results, ours or the official harness's.
#include <cmath>
#include <filesystem>
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "cli/eval_command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "eval/majority.h"
#include "eval/python_json.h"
#include "eval/results.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "RESULTS is a results log, an official file (results+rank-0.json), or a folder with them; folders above "
    "it\n"
    "(results/, results/B/, results/B/B-full/) will do where they hold results of one model.\n"
    "Examples:\n"
    "  cobra eval score --benchmark gqa --data DIR --results results/gqa/gqa-full/cobra+3b\n"
    "  cobra eval score --benchmark pope --data DIR --results pope.jsonl --json\n"
    "  cobra eval score --benchmark vqa-v2 --data DIR --results RESULTS -o leaderboard/";

struct ScoreFlags {
  DatasetFlags dataset;
  std::string results;
  std::string output;
  bool majority = false;
  bool json = false;
  bool detail = false;
};

Json as_json(const eval::Breakdown& breakdown) {
  Json rows = Json::object();
  for (const eval::Row& row : breakdown.rows) {
    eval::append_member(rows, row.label, {{"score", row.value}, {"questions", row.questions}});
  }
  return rows;
}

Json breakdowns_json(const eval::Score& score) {
  Json all = Json::object();
  for (const eval::Breakdown& breakdown : score.breakdowns) {
    eval::append_member(all, breakdown.name, as_json(breakdown));
  }
  return all;
}

Json detail_json(const eval::Score& score) {
  Json all = Json::object();
  for (const eval::QuestionScore& question : score.questions) {
    Json detail = question.detail;
    detail["score"] = question.score;
    eval::append_member(all, question.id, std::move(detail));
  }
  return all;
}

Json report(const eval::Dataset& dataset, const eval::Results& results, const eval::Score& score) {
  return {{"benchmark", dataset.benchmark->info().family},
          {"dataset", dataset.id},
          {"n_examples", results.entries.size()},
          {"failed", results.failed},
          {"summary", score.summary},
          {"breakdowns", breakdowns_json(score)}};
}

std::string number_text(double value) {
  return std::isnan(value) ? "undefined" : fmt::format("{:.4f}", value);
}

/// Labels are the annotations' own words: question types, for one.
std::string label_text(const std::string& label) { return printable(label, 200); }

/// "name: 12.3400", and indented below it for objects of numbers.
std::string summary_text(const Json& summary, const std::string& indent = "") {
  std::string text;
  for (const auto& [name, value] : summary.get_ref<const Json::object_t&>()) {
    if (value.is_object()) {
      text += fmt::format("{}{}:\n{}", indent, label_text(name), summary_text(value, indent + "  "));
    } else {
      text += fmt::format("{}{}: {}\n", indent, label_text(name), number_text(value.get<double>()));
    }
  }
  return text;
}

std::string breakdown_text(const eval::Breakdown& breakdown) {
  std::string text = fmt::format("\n{}:\n", breakdown.name);
  for (const eval::Row& row : breakdown.rows) {
    text += fmt::format("  {}: {} ({} questions)\n", label_text(row.label), number_text(row.value),
                        row.questions);
  }
  return text;
}

std::string score_text(const eval::Dataset& dataset, const eval::Results& results, const eval::Score& score) {
  std::string text =
      fmt::format("{}: {} questions\n{}", dataset.id, results.entries.size(), summary_text(score.summary));
  for (const eval::Breakdown& breakdown : score.breakdowns) text += breakdown_text(breakdown);
  return text;
}

void write_and_say(const std::filesystem::path& path, const std::string& text) {
  write_file(path.string(), text);
  say(fmt::format("wrote {}\n", path.string()));
}

/// What the official scorer leaves in the results folder.
void write_official_files(const std::string& folder, const eval::Dataset& dataset,
                          const eval::Results& results, const eval::Score& score) {
  ensure_folder(folder);
  for (const eval::OutputFile& file : dataset.benchmark->leaderboard_files(dataset, results)) {
    write_and_say(std::filesystem::path(folder) / file.name, file.text);
  }
  Json examples = Json::object();
  for (const eval::Entry& entry : results.entries) eval::append_member(examples, entry.id, entry.value);
  write_and_say(std::filesystem::path(folder) / "full-results.json", eval::python_json(examples, 2));
  const Json metrics = {{"dataset", dataset.id},
                        {"n_examples", results.entries.size()},
                        {"summary", score.summary},
                        {"breakdowns", breakdowns_json(score)}};
  write_and_say(std::filesystem::path(folder) / "metrics.json", eval::python_json(metrics, 2));
}

void run_score(const ScoreFlags& flags) {
  if (flags.majority == !flags.results.empty()) throw UsageError("either --results or --majority is needed");
  if (flags.detail && !flags.json) throw UsageError("--detail goes with --json");
  ProgressLine progress("scoring");
  const eval::Dataset dataset = open_dataset(flags.dataset);
  const eval::Results results =
      flags.majority ? eval::majority_results(dataset) : eval::read_results(flags.results, dataset);
  const eval::Score score = dataset.benchmark->score(dataset, results, flags.detail);
  progress.finish();
  warn_of_failures(results);
  if (!flags.output.empty()) write_official_files(flags.output, dataset, results, score);
  print_score(dataset, results, score, flags.json, flags.detail);
}

}  // namespace

void warn_of_failures(const eval::Results& results) {
  if (results.failed) {
    say(fmt::format("warning: {} questions have no answer because of an error, and count as wrong\n",
                    results.failed));
  }
  if (results.repeated) {
    say(fmt::format("warning: {} answers are replaced by those of a later file\n", results.repeated));
  }
}

void print_score(const eval::Dataset& dataset, const eval::Results& results, const eval::Score& score,
                 bool json, bool with_detail) {
  if (!json) return print(score_text(dataset, results, score));
  Json document = report(dataset, results, score);
  if (with_detail) document["detail"] = detail_json(score);
  print(json_line(document));
}

void add_eval_score_command(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand("score", "Official scores of results");
  const auto flags = std::make_shared<ScoreFlags>();
  add_dataset_flags(*command, flags->dataset);
  command->add_option("--results", flags->results, "Results: a file or a folder")->type_name("RESULTS");
  command->add_flag("--majority", flags->majority,
                    "Instead: the score of one answer to every question, the one that scores best");
  command
      ->add_option("-o,--output", flags->output,
                   "Write metrics.json and the leaderboard's files to this folder")
      ->type_name("DIR");
  command->add_flag("--json", flags->json, "The scores as one JSON object");
  command->add_flag("--detail", flags->detail, "With --json: every question's score and normal form");
  command->footer(kExamples);
  command->callback([flags] { run_score(*flags); });
}

}  // namespace cobra
