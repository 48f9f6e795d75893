#include "eval/ranking.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

namespace cobra::eval {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

void sort_descending(std::vector<Ranked>& examples) {
  std::stable_sort(examples.begin(), examples.end(),
                   [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
}

/// Calls visit(positives, negatives) for each group of equal scores, from the highest score down.
template <typename Visit>
void for_each_score(const std::vector<Ranked>& sorted, Visit visit) {
  for (size_t begin = 0; begin < sorted.size();) {
    size_t end = begin;
    double positives = 0;
    for (; end < sorted.size() && sorted[end].score == sorted[begin].score; ++end) {
      positives += sorted[end].positive;
    }
    visit(positives, static_cast<double>(end - begin) - positives);
    begin = end;
  }
}

double count_positives(const std::vector<Ranked>& examples) {
  return static_cast<double>(
      std::count_if(examples.begin(), examples.end(), [](const Ranked& e) { return e.positive; }));
}

bool every_class_occurs(const std::vector<ClassScores>& examples, int64_t classes) {
  std::vector<bool> seen(static_cast<size_t>(classes));
  for (const ClassScores& example : examples) seen[static_cast<size_t>(example.label)] = true;
  return std::count(seen.begin(), seen.end(), true) == classes;
}

/// numpy.allclose(1, the sums of the rows): what scikit-learn asks of probabilities.
bool sums_are_one(const std::vector<ClassScores>& examples) {
  return std::all_of(examples.begin(), examples.end(), [](const ClassScores& example) {
    const double sum = std::accumulate(example.scores.begin(), example.scores.end(), 0.0);
    return std::abs(1 - sum) <= 1e-8 + 1e-5 * std::abs(sum);
  });
}

/// The examples of two classes, ranked by the score of the first.
double auc_of_pair(const std::vector<ClassScores>& examples, int64_t positive, int64_t negative) {
  std::vector<Ranked> ranked;
  for (const ClassScores& example : examples) {
    if (example.label != positive && example.label != negative) continue;
    ranked.push_back({example.scores[static_cast<size_t>(positive)], example.label == positive});
  }
  return roc_auc(std::move(ranked));
}

}  // namespace

double roc_auc(std::vector<Ranked> examples) {
  sort_descending(examples);
  double positives = 0, negatives = 0, area = 0;
  for_each_score(examples, [&](double new_positives, double new_negatives) {
    area += new_negatives * (positives + new_positives / 2);
    positives += new_positives;
    negatives += new_negatives;
  });
  return positives > 0 && negatives > 0 ? area / (positives * negatives) : kUndefined;
}

double average_precision(std::vector<Ranked> examples) {
  if (examples.empty()) return kUndefined;
  const double all_positives = count_positives(examples);
  if (all_positives == 0) return 0;
  sort_descending(examples);
  double positives = 0, seen = 0, recall = 0, sum = 0;
  for_each_score(examples, [&](double new_positives, double new_negatives) {
    positives += new_positives;
    seen += new_positives + new_negatives;
    sum += (positives / all_positives - recall) * (positives / seen);
    recall = positives / all_positives;
  });
  return sum;
}

double roc_auc_one_vs_one(const std::vector<ClassScores>& examples, int64_t classes) {
  if (!every_class_occurs(examples, classes) || !sums_are_one(examples)) return kUndefined;
  double sum = 0;
  for (int64_t a = 0; a < classes; ++a) {
    for (int64_t b = a + 1; b < classes; ++b) {
      sum += (auc_of_pair(examples, a, b) + auc_of_pair(examples, b, a)) / 2;
    }
  }
  return sum / static_cast<double>(classes * (classes - 1) / 2);
}

double average_precision_macro(const std::vector<ClassScores>& examples, int64_t classes) {
  if (!every_class_occurs(examples, classes)) return kUndefined;
  double sum = 0;
  for (int64_t label = 0; label < classes; ++label) {
    std::vector<Ranked> ranked;
    for (const ClassScores& example : examples) {
      ranked.push_back({example.scores[static_cast<size_t>(label)], example.label == label});
    }
    sum += average_precision(std::move(ranked));
  }
  return sum / static_cast<double>(classes);
}

}  // namespace cobra::eval
