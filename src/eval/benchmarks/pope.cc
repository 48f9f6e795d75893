// POPE on COCO: is this object in the picture? Three splits that choose the absent objects differently.
// Source: Li et al., "Evaluating Object Hallucination in Large Vision-Language Models"; the harness's
// accuracy and areas, and the measures of the paper's own script as a breakdown.
#include "base/fail.h"
#include "eval/benchmarks/closed_set.h"
#include "eval/benchmarks/families.h"
#include "eval/dataset.h"
#include "eval/fields.h"
#include "eval/python_hash.h"
#include "eval/python_json.h"
#include "eval/ranking.h"
#include "eval/results.h"
#include "eval/tally.h"

namespace cobra::eval {
namespace {

const std::vector<std::string> kSplits = {"adversarial", "popular", "random"};

bool is_yes(const Json& object, const std::string& name, const std::string& place) {
  const std::string label = json_text(object, name, place);
  check(label == "yes" || label == "no", "{}: field '{}' must be \"yes\" or \"no\", found \"{}\"", place,
        name, printable(label));
  return label == "yes";
}

struct SplitTally {
  Mean accuracy;
  Confusion yes;
  std::vector<Ranked> ranked;

  void add(const std::vector<double>& yes_no, bool truth) {
    const bool predicted = argmax(yes_no) == 0;
    accuracy.add(predicted == truth);
    yes.add(predicted, truth);
    ranked.push_back({yes_no[0], truth});
  }

  void add_to(Json& summary, const std::string& split, double accuracy_value) const {
    append_member(summary, "POPE-" + split + "-Accuracy", accuracy_value);
    append_member(summary, "POPE-" + split + "-AUCROC", roc_auc(ranked));
    append_member(summary, "POPE-" + split + "-AUCPR", average_precision(ranked));
  }
};

std::vector<Breakdown> breakdowns(const std::vector<SplitTally>& splits) {
  std::vector<Breakdown> all = {{"precision", {}}, {"recall", {}}, {"F1", {}}, {"yes ratio", {}}};
  for (size_t i = 0; i < splits.size(); ++i) {
    const Confusion& yes = splits[i].yes;
    const double values[] = {yes.precision(), yes.recall(), yes.f1(), yes.positive_ratio()};
    for (size_t k = 0; k < all.size(); ++k) all[k].rows.push_back({kSplits[i], values[k], yes.count()});
  }
  return all;
}

/// The harness gives each number a second time, under the name its leaderboard looks for.
Json with_leaderboard_names(Json summary) {
  const Json numbers = summary;
  for (const auto& [name, value] : numbers.get_ref<const Json::object_t&>()) {
    append_member(summary, "accuracy__" + name, value);
  }
  return summary;
}

class Pope : public Benchmark {
 public:
  Pope()
      : Benchmark(
            {.family = "pope",
             .title = "POPE",
             .full_index = "metadata-full.json",
             .id_field = "question_id",
             .answers = {"Yes", "No"},
             .answers_field = "yes_no_probabilities",
             .group_field = "split",
             .downloads = {"coco_pope_adversarial.json", "coco_pope_popular.json", "coco_pope_random.json"},
             .pictures = "val_images",
             .slim_sizes = {1024},
             .headline = "POPE-final-Accuracy",
             .headline_scale = 100}) {}

  IndexSource read_downloads(const Downloads& downloads) const override {
    IndexSource source;
    for (size_t i = 0; i < kSplits.size(); ++i) {
      const std::string path = downloads.folder + "/" + info().downloads[i];
      for (const Json& example : read_json_lines(path)) {
        source.entries.push_back(entry(example, kSplits[i], path));
      }
    }
    return source;
  }

  std::vector<Json> failed_outputs(const Json& entry, const std::string& place) const override {
    return wrong_probabilities(2, is_yes(entry, "answer", place) ? 0 : 1);
  }

  Score score(const Dataset& dataset, const Results& results, bool with_detail) const override {
    const ById index = dataset_by_id(dataset);
    Score score;
    std::vector<SplitTally> splits(kSplits.size());
    for (const Entry& entry : results.entries) {
      const std::string place = place_of(results.source, entry.id);
      const std::vector<double> yes_no = probabilities(entry.value, info(), place);
      const bool truth = is_yes(entry.value, "ground_truth_answer", place);
      const bool predicted = argmax(yes_no) == 0;
      splits[split_of(at_id(index, entry.id, dataset.index_path), dataset.index_path)].add(yes_no, truth);
      Json detail;
      if (with_detail) detail = {{"predicted", predicted ? "yes" : "no"}, {"answer", truth ? "yes" : "no"}};
      score.questions.push_back({entry.id, static_cast<double>(predicted == truth), std::move(detail)});
    }
    score.summary = summary(splits);
    score.breakdowns = breakdowns(splits);
    return score;
  }

 private:
  Entry entry(const Json& example, const std::string& split, const std::string& path) const {
    const int64_t number = json_integer(example, "question_id", path);
    const std::string name = fmt::format("{}-{}", split, number);  // numbers repeat across splits
    const std::string place = place_of(path, name);
    const int64_t id = python_hash(name);
    is_yes(example, "label", place);
    return {std::to_string(id),
            {{"question_id", id},
             {"question", json_text(example, "text", place)},
             {"img_path", picture_path(json_text(example, "image", place))},
             {"answer", json_text(example, "label", place)},
             {"split", split},
             {"split_question_id", number}}};
  }

  static size_t split_of(const Json& entry, const std::string& place) {
    const std::string split = json_text(entry, "split", place);
    const auto found = std::find(kSplits.begin(), kSplits.end(), split);
    check(found != kSplits.end(), "{}: unknown split '{}'", place, printable(split));
    return static_cast<size_t>(found - kSplits.begin());
  }

  /// The final accuracy is the mean of the splits'; the final areas are of all questions together.
  static Json summary(const std::vector<SplitTally>& splits) {
    Json summary = Json::object();
    SplitTally all;
    Mean final_accuracy;
    for (size_t i = 0; i < splits.size(); ++i) {
      splits[i].add_to(summary, kSplits[i], splits[i].accuracy.value());
      final_accuracy.add(splits[i].accuracy.value());
      all.ranked.insert(all.ranked.end(), splits[i].ranked.begin(), splits[i].ranked.end());
    }
    all.add_to(summary, "final", final_accuracy.value());
    return with_leaderboard_names(std::move(summary));
  }
};

}  // namespace

const Benchmark& pope() {
  static const Pope benchmark;
  return benchmark;
}

}  // namespace cobra::eval
