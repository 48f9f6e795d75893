// Counting scores: means, means by label, and the two ways in which the official scorers round.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "eval/benchmark.h"

namespace cobra::eval {

/// A mean of numbers added in order; NaN of none.
class Mean {
 public:
  void add(double value) {
    sum_ += value;
    ++count_;
  }
  double value() const;
  int64_t count() const { return count_; }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

/// A mean for each label, in the order in which labels came first.
class MeanByLabel {
 public:
  MeanByLabel() = default;
  /// Labels that are listed even if nothing is added to them.
  explicit MeanByLabel(const std::vector<std::string>& labels) {
    for (const std::string& label : labels) place(label);
  }

  void add(const std::string& label, double value) { means_[place(label)].add(value); }
  /// Means times `scale`.
  std::vector<Row> rows(double scale = 1) const;
  double value(const std::string& label) const;
  bool has(const std::string& label) const { return places_.contains(label); }

 private:
  std::vector<std::string> labels_;
  std::vector<Mean> means_;
  std::map<std::string, size_t> places_;

  size_t place(const std::string& label);
};

/// Predictions of yes and no against the truth; a ratio of nothing is NaN.
struct Confusion {
  int64_t true_positives = 0, false_positives = 0, true_negatives = 0, false_negatives = 0;

  void add(bool predicted, bool actual);
  int64_t count() const { return true_positives + false_positives + true_negatives + false_negatives; }
  double precision() const;
  double recall() const;
  double f1() const;  // as scikit-learn: 0 where it is undefined
  /// The share of answers that are positive.
  double positive_ratio() const;
};

/// The place of the largest number, the first of equals (numpy.argmax). Not empty.
size_t argmax(const std::vector<double>& numbers);

/// Python's round(x, 2): correct for the double that x is.
double python_round(double x);
/// numpy's round(x, 2): rounds x * 100 and divides.
double numpy_round(double x);

}  // namespace cobra::eval
