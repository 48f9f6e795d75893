// VizWiz, validation split: pictures by blind people, some of which cannot answer the question. Source:
// vizwiz.org and its scorer; the ground truth is in the results.
#include <memory>

#include "base/fail.h"
#include "eval/benchmarks/families.h"
#include "eval/benchmarks/soft_accuracy.h"
#include "eval/dataset.h"
#include "eval/fields.h"
#include "eval/messages.h"
#include "eval/python_json.h"
#include "eval/ranking.h"
#include "eval/results.h"
#include "eval/tally.h"
#include "eval/vqa_text.h"

namespace cobra::eval {
namespace {

constexpr const char* kAnswerable = "answerable";
constexpr const char* kUnanswerable = "unanswerable";

/// {id: the field of the download's item} for the questions `ids`, which are positions.
std::string by_position(const Json& items, const std::vector<std::string>& ids, const std::string& name) {
  Json values = Json::object();
  for (const std::string& id : ids) append_member(values, id, items[std::stoull(id)][name]);
  return python_json(values);
}

std::vector<OutputFile> official_files(const Json& items, const std::vector<std::string>& ids,
                                       const std::string& suffix) {
  const std::string end = (suffix == "-full" ? "" : suffix) + ".json";
  return {{"questions-vizwiz" + end, by_position(items, ids, "question")},
          {"annotations-vizwiz" + end, by_position(items, ids, "answers")}};
}

class VizWiz : public Benchmark {
 public:
  VizWiz()
      : Benchmark({.family = "vizwiz",
                   .title = "VizWiz",
                   .full_index = "metadata.json",
                   .id_field = "question_id",
                   .downloads = {"val.json"},
                   .pictures = "val_images",
                   .slim_sizes = {1024},
                   .headline = "accuracy__VizWiz-Overall"}) {}

  IndexSource read_downloads(const Downloads& downloads) const override {
    const std::string path = downloads.folder + "/" + info().downloads[0];
    const auto raw = std::make_shared<const Json>(read_data_json(path));
    check(raw->is_array(), "{}: must be an array of questions", path);
    IndexSource source;
    for (size_t i = 0; i < raw->size(); ++i) {
      const std::string id = std::to_string(i);
      source.entries.push_back({id, entry((*raw)[i], i, place_of(path, id))});
    }
    source.official_files = [raw](const auto& ids, const auto& suffix) {
      return official_files(*raw, ids, suffix);
    };
    return source;
  }

  std::vector<Ask> asks(const Json& entry, const std::string& place) const override {
    return {{"model_output",
             short_answer_message(json_text(entry, "question", place), /*may_be_unanswerable=*/true)}};
  }

  Json result(const Json& entry, const std::vector<Json>& outputs, const std::string& place) const override {
    const Json& answers = array_field(entry, "answers", place);  // a list in a list
    check(answers.size() == 1, "{}: field 'answers' must be a list that holds one list", place);
    return {{"question_id", field(entry, "question_id", place)},
            {"question", field(entry, "question", place)},
            {"model_output", outputs[0]},
            {"ground_truth_answer", answers[0]},
            {"answerable", field(entry, "answerable", place)}};
  }

  Score score(const Dataset&, const Results& results, bool with_detail) const override {
    Score score;
    MeanByLabel by_answerable({kAnswerable, kUnanswerable});
    Mean overall;
    Confusion unanswerable;
    std::vector<Ranked> ranked;
    for (const Entry& entry : results.entries) {
      const std::string place = place_of(results.source, entry.id);
      const std::string answer = json_text(entry.value, "model_output", place);
      const std::string processed = vizwiz_answer(answer);
      const double value = accuracy(processed, entry.value, place);
      const int64_t answerable = json_integer(entry.value, "answerable", place);
      check(answerable == 0 || answerable == 1, "{}: field 'answerable' must be 0 or 1", place);
      overall.add(value);
      by_answerable.add(answerable ? kAnswerable : kUnanswerable, value);
      unanswerable.add(processed == kUnanswerable, !answerable);
      ranked.push_back({processed == kUnanswerable ? 1.0 : 0.0, !answerable});
      Json detail;
      if (with_detail) detail = {{"prediction", answer}, {"processed", processed}};
      score.questions.push_back({entry.id, value, std::move(detail)});
    }
    score.summary = {
        {"accuracy__VizWiz-Overall", python_round(100 * overall.value())},
        {"accuracy__VizWiz-Answerable", python_round(100 * by_answerable.value(kAnswerable))},
        {"accuracy__VizWiz-Unanswerable", python_round(100 * by_answerable.value(kUnanswerable))},
        {"accuracy__VizWiz-Unanswerable-AvgPR", numpy_round(100 * average_precision(std::move(ranked)))},
        {"accuracy__VizWiz-Unanswerable-F1", numpy_round(100 * unanswerable.f1())}};
    score.breakdowns = {{"ground truth", by_answerable.rows(100)}};
    return score;
  }

 private:
  Json entry(const Json& item, size_t position, const std::string& place) const {
    return {{"question_id", position},
            {"question", json_text(item, "question", place)},
            {"img_path", picture_path(json_text(item, "image", place))},
            {"answers", Json::array({array_field(item, "answers", place)})},
            {"answerable", integer_field(item, "answerable", place)}};
  }

  static double accuracy(const std::string& processed, const Json& result, const std::string& place) {
    const Json& truth = array_field(result, "ground_truth_answer", place);
    std::vector<bool> matches;
    for (const Json& answer : truth) matches.push_back(json_text(answer, "answer", place) == processed);
    const auto all = std::count(matches.begin(), matches.end(), true);
    return soft_accuracy(matches.size(), [&](size_t i) { return all - matches[i]; });
  }
};

}  // namespace

const Benchmark& vizwiz() {
  static const VizWiz benchmark;
  return benchmark;
}

}  // namespace cobra::eval
