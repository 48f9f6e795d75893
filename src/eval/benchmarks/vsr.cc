// VSR, zero-shot test split: is this statement about the places of two things true? Source: Liu et al.,
// "Visual Spatial Reasoning"; the harness's accuracy and areas.
#include "base/fail.h"
#include "eval/benchmarks/closed_set.h"
#include "eval/benchmarks/families.h"
#include "eval/dataset.h"
#include "eval/fields.h"
#include "eval/messages.h"
#include "eval/ranking.h"
#include "eval/results.h"
#include "eval/tally.h"

namespace cobra::eval {
namespace {

class Vsr : public Benchmark {
 public:
  Vsr()
      : Benchmark({.family = "vsr",
                   .title = "VSR",
                   .full_index = "metadata-full.json",
                   .id_field = "example_id",
                   .answers = {"True", "False"},
                   .answers_field = "true_false_probabilities",
                   .downloads = {"test.jsonl"},
                   .pictures = "images",
                   .headline = "accuracy__VSR-ExactMatch",
                   .headline_scale = 100}) {}

  IndexSource read_downloads(const Downloads& downloads) const override {
    const std::string path = downloads.folder + "/" + info().downloads[0];
    IndexSource source;
    for (const Json& example : read_json_lines(path)) {
      const size_t id = source.entries.size();
      source.entries.push_back({std::to_string(id), entry(example, id, place_of(path, std::to_string(id)))});
    }
    return source;
  }

  std::vector<Ask> asks(const Json& entry, const std::string& place) const override {
    return {{output_field(), true_false_message(json_text(entry, "caption", place))}};
  }

  Json result(const Json& entry, const std::vector<Json>& outputs, const std::string& place) const override {
    return {{"example_id", field(entry, "example_id", place)},
            {"caption", field(entry, "caption", place)},
            {info().answers_field, outputs[0]},
            {"ground_truth_answer", field(entry, "true_false", place)}};
  }

  std::vector<Json> failed_outputs(const Json& entry, const std::string& place) const override {
    return wrong_probabilities(2, boolean_field(entry, "true_false", place) ? 0 : 1);
  }

  Score score(const Dataset& dataset, const Results& results, bool with_detail) const override {
    const ById index = dataset_by_id(dataset);
    Score score;
    Mean accuracy;
    MeanByLabel by_relation;
    std::vector<Ranked> ranked;
    for (const Entry& entry : results.entries) {
      const std::string place = place_of(results.source, entry.id);
      const std::vector<double> true_false = probabilities(entry.value, info(), place);
      const bool truth = boolean_field(entry.value, "ground_truth_answer", place);
      const bool predicted = argmax(true_false) == 0;
      const double value = predicted == truth;
      accuracy.add(value);
      by_relation.add(json_text(at_id(index, entry.id, dataset.index_path), "relation", dataset.index_path),
                      value);
      ranked.push_back({true_false[0], truth});
      Json detail;
      if (with_detail) detail = {{"predicted", predicted}, {"answer", truth}};
      score.questions.push_back({entry.id, value, std::move(detail)});
    }
    const double auc = roc_auc(ranked), precision = average_precision(ranked);
    score.summary = {{"accuracy__VSR-ExactMatch", accuracy.value()},
                     {"accuracy__VSR-AUCROC", auc},
                     {"accuracy__VSR-AUCPR", precision},
                     {"auc-roc", auc},
                     {"auc-pr", precision}};
    score.breakdowns = {{"relation", by_relation.rows()}};
    return score;
  }

 private:
  Json entry(const Json& example, size_t id, const std::string& place) const {
    return {{"example_id", id},
            {"caption", json_text(example, "caption", place)},
            {"img_path", picture_path(json_text(example, "image", place))},
            {"true_false", json_number(example, "label", place) == 1},
            {"subj", json_text(example, "subj", place)},
            {"obj", json_text(example, "obj", place)},
            {"relation", json_text(example, "relation", place)}};
  }
};

}  // namespace

const Benchmark& vsr() {
  static const Vsr benchmark;
  return benchmark;
}

}  // namespace cobra::eval
