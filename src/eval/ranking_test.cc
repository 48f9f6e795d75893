// Tests of ranking.h by definitions: pairs counted one by one, and values computed by hand.
#include "eval/ranking.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace cobra::eval {
namespace {

/// The fraction of pairs in the right order.
double auc_by_pairs(const std::vector<Ranked>& examples) {
  double right = 0, pairs = 0;
  for (const Ranked& a : examples) {
    for (const Ranked& b : examples) {
      if (!a.positive || b.positive) continue;
      right += a.score > b.score ? 1 : a.score == b.score ? 0.5 : 0;
      ++pairs;
    }
  }
  return right / pairs;
}

TEST(RocAuc, CountsPairs) {
  std::mt19937 random(1);
  for (int n = 2; n < 60; ++n) {
    std::vector<Ranked> examples = {{0.5, true}, {0.5, false}};
    for (int i = 2; i < n; ++i) examples.push_back({static_cast<double>(random() % 8), random() % 3 == 0});
    EXPECT_NEAR(roc_auc(examples), auc_by_pairs(examples), 1e-14);
  }
}

TEST(RocAuc, IsUndefinedForOneClass) {
  EXPECT_TRUE(std::isnan(roc_auc({})));
  EXPECT_TRUE(std::isnan(roc_auc({{1, true}, {2, true}})));
  EXPECT_TRUE(std::isnan(roc_auc({{1, false}})));
}

TEST(AveragePrecision, ByHand) {
  EXPECT_DOUBLE_EQ(average_precision({{0.9, true}, {0.8, false}, {0.7, true}}), 0.5 * 1 + 0.5 * (2.0 / 3));
  EXPECT_DOUBLE_EQ(average_precision({{0.9, true}, {0.9, false}, {0.7, true}}), 0.5 * 0.5 + 0.5 * (2.0 / 3));
  EXPECT_EQ(average_precision({{0.9, false}}), 0);
  EXPECT_TRUE(std::isnan(average_precision({})));
}

TEST(OneVersusOne, AveragesPairsOfClasses) {
  const std::vector<std::vector<double>> rows = {
      {0.6, 0.3, 0.1}, {0.2, 0.5, 0.3}, {0.1, 0.1, 0.8}, {0.3, 0.4, 0.3}, {0.4, 0.4, 0.2}};
  const std::vector<ClassScores> examples = {
      {rows[0], 0}, {rows[1], 1}, {rows[2], 2}, {rows[3], 0}, {rows[4], 1}};
  // Pairs 0-1: 0 by p0: 0.6, 0.3 against 0.2, 0.4 -> 3/4; 1 by p1: 0.5, 0.4 against 0.3, 0.4 -> 3.5/4. The
  // others are perfect but for 1-2, 1 by p1, which is too.
  EXPECT_DOUBLE_EQ(roc_auc_one_vs_one(examples, 3), ((0.75 + 0.875) / 2 + 1 + 1) / 3);
}

TEST(OneVersusOne, NeedsEveryClassAndProbabilities) {
  const std::vector<double> row = {0.5, 0.5}, wrong = {0.5, 0.6};
  EXPECT_TRUE(std::isnan(roc_auc_one_vs_one({{row, 0}, {row, 0}}, 2)));
  EXPECT_TRUE(std::isnan(average_precision_macro({{row, 0}}, 2)));
  EXPECT_TRUE(std::isnan(roc_auc_one_vs_one({{wrong, 0}, {row, 1}}, 2)));
  EXPECT_EQ(roc_auc_one_vs_one({{row, 0}, {row, 1}}, 2), 0.5);
}

}  // namespace
}  // namespace cobra::eval
