// VQA-v2, validation split. Source: visualqa.org and its scorer; ten human answers to each question.
#include <memory>
#include <unordered_set>

#include "base/fail.h"
#include "eval/benchmarks/families.h"
#include "eval/benchmarks/soft_accuracy.h"
#include "eval/dataset.h"
#include "eval/fields.h"
#include "eval/python_json.h"
#include "eval/results.h"
#include "eval/tally.h"
#include "eval/vqa_text.h"

namespace cobra::eval {
namespace {

struct Raw {
  Json questions;
  Json annotations;
};

/// Python's == of two dicts: the order of the members does not matter.
bool equal_dicts(const Json& a, const Json& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.get_ref<const Json::object_t&>()) {
    const auto found = b.find(key);
    if (found == b.end() || *found != value) return false;
  }
  return true;
}

/// `document` with only those items of the list `name` whose question is one of `ids`.
std::string with_items(const Json& document, const std::string& name,
                       const std::unordered_set<int64_t>& ids) {
  Json part = Json::object();
  for (const auto& [key, value] : document.get_ref<const Json::object_t&>()) {
    if (key != name) {
      append_member(part, key, value);
      continue;
    }
    Json items = Json::array();
    for (const Json& item : value) {
      if (ids.contains(item["question_id"].get<int64_t>())) items.push_back(item);
    }
    append_member(part, key, std::move(items));
  }
  return python_json(part);
}

std::vector<OutputFile> official_files(const Raw& raw, const std::vector<std::string>& ids,
                                       const std::string& suffix) {
  std::unordered_set<int64_t> chosen;
  for (const std::string& id : ids) chosen.insert(std::stoll(id));
  const bool all = suffix == "-full";
  return {{"questions-vqa-v2" + suffix + ".json",
           all ? python_json(raw.questions) : with_items(raw.questions, "questions", chosen)},
          {"annotations-vqa-v2" + suffix + ".json",
           all ? python_json(raw.annotations) : with_items(raw.annotations, "annotations", chosen)}};
}

Json all_answers(const Json& annotation, const std::string& place) {
  Json answers = Json::array();
  for (const Json& answer : array_field(annotation, "answers", place)) {
    answers.push_back(json_text(answer, "answer", place));
  }
  return answers;
}

/// The annotators' answers with their punctuation processed.
Json processed_answers(const Json& annotation, const std::string& place) {
  Json answers = array_field(annotation, "answers", place);
  for (Json& answer : answers) answer["answer"] = vqa_ground_truth(json_text(answer, "answer", place));
  return answers;
}

double accuracy(const std::string& prediction, const Json& answers) {
  return soft_accuracy(answers.size(), [&](size_t i) {
    int64_t matches = 0;
    for (const Json& other : answers) {
      matches += other["answer"] == prediction && !equal_dicts(other, answers[i]);
    }
    return matches;
  });
}

class VqaV2 : public Benchmark {
 public:
  VqaV2()
      : Benchmark({.family = "vqa-v2",
                   .title = "VQA-v2",
                   .full_index = "metadata.json",
                   .annotations_stem = "annotations-vqa-v2",
                   .id_field = "question_id",
                   .downloads = {"v2_val2014_questions.json", "v2_val2014_annotations.json"},
                   .pictures = "images_val2014",
                   .slim_sizes = {1024, 16384},
                   .headline = "accuracy"}) {}

  IndexSource read_downloads(const Downloads& downloads) const override {
    const std::string questions_path = downloads.folder + "/" + info().downloads[0];
    const std::string annotations_path = downloads.folder + "/" + info().downloads[1];
    const auto raw =
        std::make_shared<const Raw>(Raw{read_data_json(questions_path), read_data_json(annotations_path)});
    std::unordered_map<int64_t, std::string> texts;
    for (const Json& question : array_field(raw->questions, "questions", questions_path)) {
      texts[json_integer(question, "question_id", questions_path)] =
          json_text(question, "question", questions_path);
    }
    IndexSource source;
    for (const Json& annotation : array_field(raw->annotations, "annotations", annotations_path)) {
      source.entries.push_back(entry(annotation, texts, annotations_path));
    }
    source.official_files = [raw](const auto& ids, const auto& suffix) {
      return official_files(*raw, ids, suffix);
    };
    return source;
  }

  Score score(const Dataset& dataset, const Results& results, bool with_detail) const override {
    const Json document = read_data_json(dataset.annotations_path);
    const auto by_id = results_by_id(results);
    Score score;
    Mean overall;
    MeanByLabel by_answer_type, by_question_type;
    for (const Json& annotation : array_field(document, "annotations", dataset.annotations_path)) {
      const std::string id =
          std::to_string(json_integer(annotation, "question_id", dataset.annotations_path));
      if (dataset.cut && !by_id.contains(id)) continue;  // not asked
      const std::string place = place_of(dataset.annotations_path, id);
      const std::string answer = json_text(at_id(by_id, id, results.source), "model_output", results.source);
      const Json truth = processed_answers(annotation, place);
      const std::string processed = vqa_answer(answer);
      const double value = accuracy(processed, truth);
      overall.add(value);
      by_answer_type.add(json_text(annotation, "answer_type", place), value);
      by_question_type.add(json_text(annotation, "question_type", place), value);
      score.questions.push_back({id, value, with_detail ? detail(answer, processed, truth) : Json()});
    }
    check_annotated(overall.count(), results, dataset);
    score.breakdowns = {{"answer type", by_answer_type.rows(100)},
                        {"question type", by_question_type.rows(100)}};
    score.summary = {{"accuracy", python_round(100 * overall.value())},
                     {"accuracy-by-answer-type", rounded(score.breakdowns[0])},
                     {"accuracy-by-question-type", rounded(score.breakdowns[1])}};
    return score;
  }

  std::vector<OutputFile> leaderboard_files(const Dataset&, const Results& results) const override {
    Json predictions = Json::array();
    for (const Entry& entry : results.entries) {
      predictions.push_back({{"question_id", field(entry.value, "question_id", results.source)},
                             {"answer", field(entry.value, "model_output", results.source)}});
    }
    return {{"vqa-v2-formatted-predictions.json", python_json(predictions, 2)}};
  }

 private:
  Entry entry(const Json& annotation, const std::unordered_map<int64_t, std::string>& texts,
              const std::string& source) const {
    const int64_t id = json_integer(annotation, "question_id", source);
    const std::string place = place_of(source, std::to_string(id));
    const auto text = texts.find(id);
    check(text != texts.end(), "{}: the questions file has no such question", place);
    const int64_t image = json_integer(annotation, "image_id", place);
    return {std::to_string(id),
            {{"question_id", id},
             {"question", text->second},
             {"img_path", picture_path(fmt::format("COCO_val2014_{:012d}.jpg", image))},
             {"answer", json_text(annotation, "multiple_choice_answer", place)},
             {"question_type", json_text(annotation, "question_type", place)},
             {"answer_type", json_text(annotation, "answer_type", place)},
             {"all_answers", all_answers(annotation, place)}}};
  }

  static Json detail(const std::string& answer, const std::string& processed, const Json& truth) {
    Json answers = Json::array();
    for (const Json& one : truth) answers.push_back(one["answer"]);
    return {{"prediction", answer}, {"processed", processed}, {"processed_answers", std::move(answers)}};
  }

  static Json rounded(const Breakdown& breakdown) {
    Json numbers = Json::object();
    for (const Row& row : breakdown.rows) append_member(numbers, row.label, python_round(row.value));
    return numbers;
  }
};

}  // namespace

const Benchmark& vqa_v2() {
  static const VqaV2 benchmark;
  return benchmark;
}

}  // namespace cobra::eval
