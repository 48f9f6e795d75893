// The numbers and the gallery of one benchmark.
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/fail.h"
#include "eval/messages.h"
#include "eval/paper.h"
#include "eval/report.h"
#include "eval/report_text.h"
#include "eval/results.h"

namespace cobra::eval {
namespace {

constexpr size_t kMaxTextBytes = 600;
constexpr double kRight = 0.5;  // soft accuracies count as right from here on

/// All answers of a reference: "a", ["a", "b"], [{"answer": "a"}], and lists of those.
void collect_answers(const Json& value, std::vector<std::string>& answers) {
  if (value.is_array()) {
    for (const Json& item : value) collect_answers(item, answers);
  } else if (value.is_object()) {
    if (value.contains("answer")) collect_answers(value["answer"], answers);
  } else {
    answers.push_back(json_words(value));
  }
}

/// "red ×5, blue ×2", in the order in which they come first.
std::string counted(const std::vector<std::string>& answers) {
  std::map<std::string, int> counts;
  for (const std::string& answer : answers) ++counts[answer];
  std::string text;
  std::set<std::string> told;
  for (const std::string& answer : answers) {
    if (!told.insert(answer).second) continue;
    text += (text.empty() ? "" : ", ") + answer;
    if (counts[answer] > 1) text += fmt::format(" ×{}", counts[answer]);
  }
  return text;
}

std::string truth_text(const Json& entry, const Json& result) {
  for (const char* name : {"all_answers", "answers"}) {
    if (!entry.contains(name)) continue;
    std::vector<std::string> answers;
    collect_answers(entry[name], answers);
    return counted(answers);
  }
  for (const char* name : {"ground_truth_answer", "ground_truth_bbox"}) {
    if (result.contains(name)) return json_words(result[name]);
  }
  return entry.contains("answer") ? json_words(entry["answer"]) : "–";
}

std::string question_text(const Json& entry) {
  for (const char* name : {"question", "caption", "ref_expression"}) {
    if (!entry.contains(name)) continue;
    const std::string text = json_words(entry[name]);
    return text.substr(0, text.find(kOcrMark));
  }
  return "–";
}

/// "Yes 0.910, No 0.090": the most likely ones, in the order of the benchmark.
std::string probabilities_text(const Json& values, const BenchmarkInfo& info) {
  constexpr double kWorthTelling = 0.05;
  std::string text;
  for (size_t i = 0; i < values.size() && i < info.answers.size(); ++i) {
    const bool told =
        values[i].is_number() && (values.size() == 2 || values[i].get<double>() >= kWorthTelling);
    if (told)
      text += fmt::format("{}{} {:.3f}", text.empty() ? "" : ", ", info.answers[i], values[i].get<double>());
  }
  return text;
}

std::string answer_text(const Json& answer) {
  const std::string text = json_words(answer);
  return text.empty() ? "(empty)" : text;
}

std::vector<ReportExample::Reply> replies(const Json& result, const QuestionScore& score,
                                          const Benchmark& benchmark) {
  if (benchmark.closed_set()) {
    const Json predicted = score.detail.value("predicted", Json());
    return {{"answer", answer_text(predicted)},
            {"probabilities", probabilities_text(result[benchmark.output_field()], benchmark.info())}};
  }
  if (result.contains("model_output_ocr")) {
    return {{"with OCR tokens", answer_text(result["model_output_ocr"])},
            {"without", answer_text(result.value("model_output_no_ocr", Json()))}};
  }
  return {{"answer", answer_text(result.value("model_output", Json()))}};
}

void add_box(const Json& value, std::vector<ReportBox>& boxes) {
  if (!value.is_array() || value.size() != 4) return;
  ReportBox box;
  for (size_t i = 0; i < box.size(); ++i) {
    if (!value[i].is_number()) return;
    box[i] = std::fmin(std::fmax(value[i].get<double>(), 0.0), 1.0);
  }
  if (box[0] < box[2] && box[1] < box[3]) boxes.push_back(box);
}

/// `count` of the places, spread evenly.
std::vector<size_t> spread(const std::vector<size_t>& places, size_t count) {
  if (places.size() <= count) return places;
  std::vector<size_t> chosen;
  for (size_t i = 0; i < count; ++i) chosen.push_back(places[i * places.size() / count]);
  return chosen;
}

class Gallery {
 public:
  Gallery(const Dataset& dataset, const Results& results, const Score& score)
      : dataset_(dataset), score_(score), index_(dataset_by_id(dataset)), answers_(results_by_id(results)) {
    for (const Question& question : questions(dataset)) pictures_[question.id] = question.picture;
  }

  std::vector<ReportExample> choose(bool right, int64_t count) const {
    std::vector<size_t> places;
    for (size_t i = 0; i < score_.questions.size(); ++i) {
      if ((score_.questions[i].score >= kRight) == right) places.push_back(i);
    }
    std::vector<ReportExample> examples;
    for (const size_t place : spread(places, static_cast<size_t>(count))) {
      examples.push_back(example(score_.questions[place]));
    }
    return examples;
  }

 private:
  const Dataset& dataset_;
  const Score& score_;
  const ById index_;
  const ById answers_;
  std::map<std::string, std::string> pictures_;

  ReportExample example(const QuestionScore& score) const {
    const Json& entry = at_id(index_, score.id, dataset_.index_path);
    const Json& result = at_id(answers_, score.id, dataset_.index_path);
    ReportExample example;
    example.id = score.id;
    example.picture = pictures_.at(score.id);
    example.question = shorten(question_text(entry), kMaxTextBytes);
    example.truth = shorten(truth_text(entry, result), kMaxTextBytes);
    example.score = score.score;
    for (auto& [who, text] : replies(result, score, *dataset_.benchmark)) {
      example.replies.push_back({who, shorten(text, kMaxTextBytes)});
    }
    if (result.contains("ground_truth_bbox")) add_box(result["ground_truth_bbox"], example.true_boxes);
    if (score.detail.contains("parsed")) add_box(score.detail["parsed"], example.answered_boxes);
    add_thumbnail(example, dataset_.root + "/" + example.picture);
    return example;
  }
};

/// The names of models in the order in which they come.
std::vector<std::string> models_of(const Report& report) {
  std::vector<std::string> models;
  for (const ReportSection& section : report.sections) {
    if (std::find(models.begin(), models.end(), section.model) == models.end())
      models.push_back(section.model);
  }
  return models;
}

int64_t questions_of(const ReportSection& section, const std::string& part) {
  if (part.empty()) return section.questions;
  for (const Breakdown& breakdown : section.breakdowns) {
    for (const Row& row : breakdown.rows) {
      if (row.label == part) return row.questions;
    }
  }
  return 0;
}

ReportCell cell_of(const Report& report, const std::string& model, const PaperColumn& column) {
  for (const ReportSection& section : report.sections) {
    if (section.model != model || section.benchmark->info().family != column.family) continue;
    const double value = summary_number(section.summary, column.number);
    if (!std::isnan(value))
      return {value * column.scale, section.dataset, questions_of(section, column.part)};
  }
  return {std::numeric_limits<double>::quiet_NaN(), "", 0};
}

}  // namespace

double summary_number(const Json& summary, const std::string& name) {
  const auto found = summary.find(name);
  const bool known = found != summary.end() && found->is_number();
  return known ? found->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::vector<ReportRow> rows_of(const Report& report, const PaperTable& table) {
  std::vector<ReportRow> rows;
  for (const std::string& model : models_of(report)) {
    ReportRow row{model, {}};
    bool any = false;
    for (const PaperColumn& column : table.columns) {
      row.cells.push_back(cell_of(report, model, column));
      any = any || !std::isnan(row.cells.back().percent);
    }
    if (any) rows.push_back(std::move(row));
  }
  return rows;
}

void tell_models_apart(Report& report) {
  const auto fingerprint = [](const ReportSection& section) {
    return section.header.is_object() ? json_text(section.header, "fingerprint", "log", "") : std::string();
  };
  std::map<std::string, std::set<std::string>> models;
  for (const ReportSection& section : report.sections) {
    if (const std::string own = fingerprint(section); !own.empty()) models[section.model].insert(own);
  }
  for (ReportSection& section : report.sections) {
    const std::string own = fingerprint(section);
    if (models[section.model].size() > 1 && !own.empty())
      section.model += fmt::format(" ({})", own.substr(0, 8));
  }
}

ReportSection report_section(const ReportInput& input, const std::string& data, int64_t gallery) {
  const Dataset dataset = open_dataset(*input.benchmark, data, input.dataset);
  const Results results = read_results(input.path, dataset);
  Score score = input.benchmark->score(dataset, results, /*with_detail=*/true);
  const Gallery examples(dataset, results, score);
  ReportSection section{input.benchmark, dataset.id,    input.model, 0,  results.failed,
                        results.header,  score.summary, {},          {}, {}};
  section.questions = static_cast<int64_t>(results.entries.size());
  section.right = examples.choose(true, gallery);
  section.wrong = examples.choose(false, gallery);
  section.breakdowns = std::move(score.breakdowns);
  if (section.model.empty()) section.model = "This run";
  return section;
}

}  // namespace cobra::eval
