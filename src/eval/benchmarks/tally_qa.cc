// TallyQA, test split: how many? The sixteen counts 0 to 15 are offered as choices A to P. Source: Acharya et
// al., "TallyQA: Answering Complex Counting Questions"; the harness's accuracy and areas.
#include <numeric>

#include "base/fail.h"
#include "eval/benchmarks/closed_set.h"
#include "eval/benchmarks/families.h"
#include "eval/dataset.h"
#include "eval/fields.h"
#include "eval/messages.h"
#include "eval/python_json.h"
#include "eval/ranking.h"
#include "eval/results.h"
#include "eval/tally.h"

namespace cobra::eval {
namespace {

constexpr int64_t kCounts = 16;
const std::vector<std::string> kSplits = {"simple", "complex"};

std::vector<std::string> count_texts() {
  std::vector<std::string> texts;
  for (int64_t i = 0; i < kCounts; ++i) texts.push_back(std::to_string(i));
  return texts;
}

std::vector<std::string> letters() {
  std::vector<std::string> letters;
  for (int64_t i = 0; i < kCounts; ++i) letters.emplace_back(1, static_cast<char>('A' + i));
  return letters;
}

int64_t count_field(const Json& object, const std::string& name, const std::string& place) {
  const int64_t count = integer_field(object, name, place);
  check(count >= 0 && count < kCounts, "{}: field '{}' must be from 0 to {}, found {}", place, name,
        kCounts - 1, count);
  return count;
}

/// The scores of a split; `rows` owns the probabilities.
struct SplitTally {
  Mean accuracy;
  std::vector<ClassScores> examples;

  void add_to(Json& summary, const std::string& split) const {
    const std::string name = "accuracy__TallyQA-" + split;
    append_member(summary, name + "-Accuracy", accuracy.value());
    append_member(summary, name + "-AUCROC", roc_auc_one_vs_one(examples, kCounts));
    append_member(summary, name + "-AUCPR", average_precision_macro(examples, kCounts));
  }
};

class TallyQa : public Benchmark {
 public:
  TallyQa()
      : Benchmark({.family = "tally-qa",
                   .title = "TallyQA",
                   .full_index = "metadata-full.json",
                   .id_field = "question_id",
                   .answers = letters(),
                   .answers_field = "mc_probabilities",
                   .group_field = "split",
                   .downloads = {"test.json"},
                   .slim_sizes = {1024, 8192},
                   .headline = "accuracy__TallyQA-final-Accuracy",
                   .headline_scale = 100}) {}

  IndexSource read_downloads(const Downloads& downloads) const override {
    const std::string path = downloads.folder + "/" + info().downloads[0];
    const Json examples = read_data_json(path);
    check(examples.is_array(), "{}: must be an array of questions", path);
    IndexSource source;
    for (const Json& example : examples) source.entries.push_back(entry(example, path));
    return source;
  }

  std::vector<Ask> asks(const Json& entry, const std::string& place) const override {
    return {
        {info().answers_field, multiple_choice_message(json_text(entry, "question", place), count_texts())}};
  }

  std::vector<Json> failed_outputs(const Json& entry, const std::string& place) const override {
    return wrong_probabilities(kCounts, static_cast<size_t>(count_field(entry, "answer", place)));
  }

  Score score(const Dataset& dataset, const Results& results, bool with_detail) const override {
    const ById index = dataset_by_id(dataset);
    std::vector<std::vector<double>> rows;
    rows.reserve(results.entries.size());  // the tallies below point into it
    Score score;
    SplitTally simple, complex;
    MeanByLabel by_count(count_texts());
    for (const Entry& entry : results.entries) {
      const std::string place = place_of(results.source, entry.id);
      rows.push_back(probabilities(entry.value, info(), place));
      const int64_t truth = count_field(entry.value, "ground_truth_answer", place);
      const auto predicted = static_cast<int64_t>(argmax(rows.back()));
      const double value = predicted == truth;
      const bool is_simple = is_simple_split(at_id(index, entry.id, dataset.index_path), dataset.index_path);
      SplitTally& split = is_simple ? simple : complex;
      split.accuracy.add(value);
      split.examples.push_back({rows.back(), truth});
      by_count.add(std::to_string(truth), value);
      Json detail;
      if (with_detail) detail = {{"predicted", predicted}, {"answer", truth}};
      score.questions.push_back({entry.id, value, std::move(detail)});
    }
    score.summary = summary(simple, complex, score.questions);
    score.breakdowns = {{"count", by_count.rows()}};
    return score;
  }

 private:
  Entry entry(const Json& example, const std::string& path) const {
    const int64_t id = integer_field(example, "question_id", path);
    const std::string place = place_of(path, std::to_string(id));
    return {std::to_string(id),
            {{"question_id", id},
             {"question", json_text(example, "question", place)},
             {"img_path", picture_path(json_text(example, "image", place))},
             {"answer", count_field(example, "answer", place)},
             {"split", boolean_field(example, "issimple", place) ? kSplits[0] : kSplits[1]}}};
  }

  static bool is_simple_split(const Json& entry, const std::string& place) {
    const std::string split = json_text(entry, "split", place);
    check(split == kSplits[0] || split == kSplits[1], "{}: unknown split '{}'", place, printable(split));
    return split == kSplits[0];
  }

  static Json summary(const SplitTally& simple, const SplitTally& complex,
                      const std::vector<QuestionScore>& questions) {
    SplitTally all;
    for (const QuestionScore& question : questions) all.accuracy.add(question.score);
    all.examples = simple.examples;
    all.examples.insert(all.examples.end(), complex.examples.begin(), complex.examples.end());
    Json summary = Json::object();
    simple.add_to(summary, "simple");
    complex.add_to(summary, "complex");
    all.add_to(summary, "final");
    return summary;
  }
};

}  // namespace

const Benchmark& tally_qa() {
  static const TallyQa benchmark;
  return benchmark;
}

}  // namespace cobra::eval
