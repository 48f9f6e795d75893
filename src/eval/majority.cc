#include "eval/majority.h"

#include <algorithm>
#include <map>

#include "base/fail.h"

namespace cobra::eval {
namespace {

Results constant_results(const Dataset& dataset, const std::string& name, const Json& output) {
  Results results;
  results.source = fmt::format("the answer '{}'", printable(name));
  for (const Entry& entry : dataset.entries) {
    const std::string place = place_of(dataset.index_path, entry.id);
    const std::vector<Json> outputs(dataset.benchmark->asks(entry.value, place).size(), output);
    results.entries.push_back({entry.id, dataset.benchmark->result(entry.value, outputs, place)});
  }
  return results;
}

Results best_of_closed_set(const Dataset& dataset) {
  const BenchmarkInfo& info = dataset.benchmark->info();
  Results best;
  double best_value = -1;
  for (size_t i = 0; i < info.answers.size(); ++i) {
    std::vector<double> certain(info.answers.size(), 0.0);
    certain[i] = 1;
    Results results = constant_results(dataset, info.answers[i], certain);
    const Score score = dataset.benchmark->score(dataset, results, /*with_detail=*/false);
    const double value = json_number(score.summary, info.headline, info.title);
    if (value <= best_value) continue;
    best_value = value;
    best = std::move(results);
  }
  return best;
}

std::string most_frequent_answer(const Dataset& dataset) {
  std::map<std::string, int64_t> counts;
  for (const Entry& entry : dataset.entries) {
    ++counts[json_text(entry.value, "answer", place_of(dataset.index_path, entry.id))];
  }
  check(!counts.empty(), "{}: has no questions", dataset.index_path);
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

}  // namespace

Results majority_results(const Dataset& dataset) {
  if (dataset.benchmark->closed_set()) return best_of_closed_set(dataset);
  const std::string answer = most_frequent_answer(dataset);
  return constant_results(dataset, answer, answer);
}

}  // namespace cobra::eval
