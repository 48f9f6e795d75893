// How well scores rank positives before negatives, as scikit-learn 1.2 defines it. Undefined is NaN.
// All scores must be finite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cobra::eval {

/// An example: its score, and whether it is a positive.
struct Ranked {
  double score;
  bool positive;
};

/// The area under the ROC curve: the fraction of pairs of a positive and a negative in which the positive has
/// the higher score, ties counting half. NaN without a pair.
double roc_auc(std::vector<Ranked> examples);

/// Average precision: the sum over distinct scores, descending, of (recall gained) x (precision so far).
/// 0 without a positive, NaN without an example.
double average_precision(std::vector<Ranked> examples);

/// An example of several classes: its probabilities and its class.
struct ClassScores {
  std::span<const double> scores;
  int64_t label;
};

/// The mean over all pairs of classes of the ROC-AUCs of one against the other, in both directions
/// (multi_class="ovo", average="macro"). NaN unless every one of `classes` occurs as a label and the scores
/// of each example add up to 1.
double roc_auc_one_vs_one(const std::vector<ClassScores>& examples, int64_t classes);

/// The mean over the classes of the average precision of each against the rest (the definition of
/// scikit-learn 1.3 on; earlier ones refuse). NaN unless every class occurs.
double average_precision_macro(const std::vector<ClassScores>& examples, int64_t classes);

}  // namespace cobra::eval
