// GQA, test-dev balanced split: one right answer, compared exactly. Source: the scorer of gqadataset.org.
#include <algorithm>
#include <map>
#include <memory>

#include "base/fail.h"
#include "eval/benchmarks/families.h"
#include "eval/dataset.h"
#include "eval/fields.h"
#include "eval/python_json.h"
#include "eval/results.h"
#include "eval/tally.h"
#include "eval/vqa_text.h"
#include "tokenizer/unicode_text.h"

namespace cobra::eval {
namespace {

Json as_integers(const Json& ids, const std::string& place) {
  Json integers = Json::array();
  for (const Json& id : ids) integers.push_back(as_integer(id, place + ": an entailed or equivalent id"));
  return integers;
}

/// What Python's "{}".format(value) gives for the texts and nulls that the questions hold.
std::string formatted(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "None" : value.dump();
}

/// Reasoning steps; looking whether something exists and naming it are none.
int64_t count_steps(const Json& question, const std::string& place) {
  int64_t steps = 0;
  for (const Json& step : array_field(question, "semantic", place)) {
    const std::string text = fmt::format("{}: {}", formatted(field(step, "operation", place)),
                                         formatted(field(step, "argument", place)));
    const auto has = [&](std::string_view words) { return text.find(words) != text.npos; };
    steps += !(has("exist") || has("query: name") || has("choose name"));
  }
  return steps;
}

/// How the predicted answers are distributed, against the right ones: chi-square within each group of
/// questions, averaged over the right answers; lower is better.
class Distribution {
 public:
  void add(const std::string& group, const std::string& gold, const std::string& predicted) {
    Group& counts = groups_.try_emplace(group).first->second;
    ++counts.gold[gold];
    ++counts.predicted[predicted];
  }

  double value() const {
    double sum = 0, questions = 0;
    for (const auto& [name, group] : groups_) {
      double score = 0, in_group = 0;
      for (const auto& [answer, expected] : group.gold) {
        const auto found = group.predicted.find(answer);
        const double observed = found == group.predicted.end() ? 0 : found->second;
        score += (observed - expected) * (observed - expected) / expected;
        in_group += expected;
      }
      sum += score * in_group;
      questions += in_group;
    }
    return sum / questions / 100;
  }

 private:
  struct Group {
    std::map<std::string, double> gold, predicted;
  };
  std::map<std::string, Group> groups_;
};

/// Means by a number, smallest first.
class MeanByNumber {
 public:
  void add(int64_t number, double value) { means_[number].add(value); }
  std::vector<Row> rows() const {
    std::vector<Row> rows;
    for (const auto& [number, mean] : means_) {
      rows.push_back({std::to_string(number), 100 * mean.value(), mean.count()});
    }
    return rows;
  }

 private:
  std::map<int64_t, Mean> means_;
};

std::vector<Row> sorted_rows(const MeanByLabel& means) {
  std::vector<Row> rows = means.rows(100);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.label < b.label; });
  return rows;
}

/// Collects the scores of balanced questions.
struct GqaTally {
  Mean overall;
  MeanByLabel by_form{{"binary", "open"}}, by_structure, by_meaning;
  MeanByNumber by_steps, by_words;
  Distribution distribution;

  void add(const Json& question, const std::string& gold, const std::string& predicted,
           const std::string& place) {
    const double value = predicted == gold;
    const std::string structure = json_text(question, "types.structural", place);
    overall.add(value);
    by_form.add(structure == "query" ? "open" : "binary", value);
    by_structure.add(structure, value);
    by_meaning.add(json_text(question, "types.semantic", place), value);
    by_steps.add(count_steps(question, place), value);
    by_words.add(static_cast<int64_t>(python_split(json_text(question, "question", place)).size()), value);
    const std::string group = json_text(question, "groups.global", place, "");
    if (json_find(question, "groups.global")) distribution.add(group, gold, predicted);
  }

  std::vector<Breakdown> breakdowns() const {
    return {{"form", by_form.rows(100)},
            {"distribution (lower is better)", {{"distribution", distribution.value(), overall.count()}}},
            {"structural type", sorted_rows(by_structure)},
            {"semantic type", sorted_rows(by_meaning)},
            {"steps number", by_steps.rows()},
            {"words number", by_words.rows()}};
  }
};

class Gqa : public Benchmark {
 public:
  Gqa()
      : Benchmark({.family = "gqa",
                   .title = "GQA",
                   .full_index = "metadata-full.json",
                   .annotations_stem = "annotations-gqa",
                   .id_field = "question_id",
                   .downloads = {"testdev_balanced_questions.json"},
                   .pictures = "images",
                   .slim_sizes = {1024},
                   .headline = "accuracy"}) {}

  IndexSource read_downloads(const Downloads& downloads) const override {
    const std::string path = downloads.folder + "/" + info().downloads[0];
    const auto raw = std::make_shared<const Json>(read_data_json(path));
    members_by_id(*raw, path);
    IndexSource source;
    for (const auto& [id, question] : raw->get_ref<const Json::object_t&>()) {
      source.entries.push_back(entry(id, question, place_of(path, id)));
    }
    source.official_files = [raw, path](const auto& ids, const auto& suffix) {
      const ById by_id = members_by_id(*raw, path);
      Json chosen = Json::object();
      for (const std::string& id : ids) append_member(chosen, id, at_id(by_id, id, path));
      return std::vector<OutputFile>{{"annotations-gqa" + suffix + ".json", python_json(chosen)}};
    };
    return source;
  }

  Score score(const Dataset& dataset, const Results& results, bool with_detail) const override {
    const std::string& path = dataset.annotations_path;
    const Json document = read_data_json(path);
    members_by_id(document, path);
    const auto by_id = results_by_id(results);
    Score score;
    GqaTally tally;
    int64_t annotated = 0;
    for (const auto& [id, question] : document.get_ref<const Json::object_t&>()) {
      if (dataset.cut && !by_id.contains(id)) continue;  // not asked
      ++annotated;
      const std::string place = place_of(path, id);
      const std::string answer = json_text(at_id(by_id, id, results.source), "model_output", results.source);
      const std::string processed = gqa_answer(answer);
      const std::string gold = json_text(question, "answer", place);
      if (!boolean_field(question, "isBalanced", place)) continue;
      tally.add(question, gold, processed, place);
      Json detail;
      if (with_detail) detail = {{"prediction", answer}, {"processed", processed}, {"answer", gold}};
      score.questions.push_back({id, static_cast<double>(processed == gold), std::move(detail)});
    }
    check_annotated(annotated, results, dataset);
    // The harness takes the accuracy from the scorer's printed text, which has two decimals.
    score.summary = {{"accuracy", python_round(100 * tally.overall.value())}};
    score.breakdowns = tally.breakdowns();
    return score;
  }

  std::vector<OutputFile> leaderboard_files(const Dataset&, const Results& results) const override {
    Json predictions = Json::array();
    for (const Entry& entry : results.entries) {
      predictions.push_back(
          {{"questionId", field(entry.value, "question_id", results.source)},
           {"prediction", gqa_answer(json_text(entry.value, "model_output", results.source))}});
    }
    return {{"gqa-formatted-predictions.json", python_json(predictions, 2)}};
  }

 private:
  Entry entry(const std::string& key, const Json& question, const std::string& place) const {
    const int64_t id = as_integer(key, place + ": the id");
    check(std::to_string(id) == key, "{}: the id must be a plain integer", place);
    return {key,
            {{"question_id", id},
             {"question", json_text(question, "question", place)},
             {"img_path", picture_path(json_text(question, "imageId", place) + ".jpg")},
             {"answer", json_text(question, "answer", place)},
             {"fullAnswer", json_text(question, "fullAnswer", place)},
             {"semanticStr", json_text(question, "semanticStr", place)},
             {"entailed", as_integers(array_field(question, "entailed", place), place)},
             {"equivalent", as_integers(array_field(question, "equivalent", place), place)}}};
  }
};

}  // namespace

const Benchmark& gqa() {
  static const Gqa benchmark;
  return benchmark;
}

}  // namespace cobra::eval
