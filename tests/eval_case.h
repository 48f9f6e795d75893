// What the fuzzer of the evaluation's readers and the replay of its corpus do with an input.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

#include "eval/dataset.h"
#include "eval/python_json.h"
#include "eval/python_literal.h"
#include "eval/results.h"

namespace cobra::testing {

/// A log that was accepted is accepted again as it is written, and stays the same.
template <class Files>
void use_log(std::string_view text, Files& files) {
  const std::string once = eval::log_text(eval::read_log(files.write("a.jsonl", text)));
  if (eval::log_text(eval::read_log(files.write("b.jsonl", once))) != once) {
    throw std::logic_error("a log changes when it is written again");
  }
}

/// A model's answer as RefCOCO's scorer reads it: a box is the same box again as it is written.
inline void use_box(std::string_view text) {
  const auto box = eval::parse_box(text);
  if (!box) return;
  const bool python = std::none_of(box->begin(), box->end(), [](const Json& x) { return x.is_boolean(); });
  if (python && eval::parse_box(eval::python_json(*box)) != box) {
    throw std::logic_error("a box changes when it is written again");
  }
}

/// Questions, scores and leaderboard files. Scores are parts of one, or were never numbers.
inline void use_results(const eval::Dataset& dataset, const eval::Results& results) {
  const eval::Score score = dataset.benchmark->score(dataset, results, /*with_detail=*/true);
  for (const eval::QuestionScore& question : score.questions) {
    if (question.score < 0 || question.score > 1) throw std::logic_error("a score is not from 0 to 1");
  }
  dataset.benchmark->leaderboard_files(dataset, results);
}

/// The official form of a log in which no question could be asked.
template <class Files>
std::string failed_results(const eval::Dataset& dataset) {
  eval::ResultsLog log;
  for (const eval::Entry& entry : dataset.entries) {
    log.answers.push_back({std::ssize(log.answers), entry.id, {}, "broken"});
  }
  return eval::official_results(log, dataset).dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// An input is a log if it starts with '{', and a model's box behind a line "box"; else its lines are the
/// name of a benchmark, an index, results and annotations. `files.write(name, text)` makes a file and returns
/// its path. Throws Error for what is refused, and another exception for a fault of ours.
template <class Files>
void use_eval_case(std::string_view text, Files& files) {
  if (text.starts_with('{')) return use_log(text, files);
  const auto next_line = [&] {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
  };
  const std::string_view kind = next_line();
  if (kind == "box") return use_box(text);
  const eval::Benchmark& benchmark = eval::find_benchmark(kind);
  const std::string index = files.write("index.json", next_line());
  const std::string results = files.write("results.json", next_line());
  const bool annotated = !benchmark.info().annotations_stem.empty();
  eval::Dataset dataset{&benchmark,
                        benchmark.info().family + "-full",
                        "root",
                        index,
                        eval::read_index(index),
                        annotated ? files.write("annotations.json", next_line()) : index};
  eval::questions(dataset);
  const std::string failed = files.write("failed.json", failed_results<Files>(dataset));
  use_results(dataset, eval::read_results(std::vector{failed}, dataset));
  use_results(dataset, eval::read_results(std::vector{results}, dataset));
}

}  // namespace cobra::testing
