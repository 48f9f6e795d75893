#include "eval/tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace cobra::eval {
namespace {

double ratio(int64_t part, int64_t whole) {
  return whole ? static_cast<double>(part) / static_cast<double>(whole)
               : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

double Mean::value() const {
  return count_ ? sum_ / static_cast<double>(count_) : std::numeric_limits<double>::quiet_NaN();
}

size_t MeanByLabel::place(const std::string& label) {
  const auto [found, is_new] = places_.emplace(label, labels_.size());
  if (is_new) {
    labels_.push_back(label);
    means_.emplace_back();
  }
  return found->second;
}

std::vector<Row> MeanByLabel::rows(double scale) const {
  std::vector<Row> rows;
  for (size_t i = 0; i < labels_.size(); ++i) {
    rows.push_back({labels_[i], means_[i].value() * scale, means_[i].count()});
  }
  return rows;
}

double MeanByLabel::value(const std::string& label) const {
  const auto found = places_.find(label);
  return found == places_.end() ? Mean().value() : means_[found->second].value();
}

void Confusion::add(bool predicted, bool actual) {
  int64_t& place =
      predicted ? (actual ? true_positives : false_positives) : (actual ? false_negatives : true_negatives);
  ++place;
}

double Confusion::precision() const { return ratio(true_positives, true_positives + false_positives); }
double Confusion::recall() const { return ratio(true_positives, true_positives + false_negatives); }
double Confusion::f1() const {
  if (true_positives == 0) return 0;
  return 2 * precision() * recall() / (precision() + recall());
}
double Confusion::positive_ratio() const { return ratio(true_positives + false_positives, count()); }

size_t argmax(const std::vector<double>& numbers) {
  return static_cast<size_t>(std::max_element(numbers.begin(), numbers.end()) - numbers.begin());
}

double python_round(double x) {
  const std::string text = fmt::format("{:.2f}", x);
  double rounded = x;
  std::from_chars(text.data(), text.data() + text.size(), rounded);
  return rounded;
}

double numpy_round(double x) { return std::rint(x * 100) / 100; }

}  // namespace cobra::eval
