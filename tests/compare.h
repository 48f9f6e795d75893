// Comparing numbers in tests: NaN, infinities, wrong lengths and wrong signs fail, whatever the tolerance.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <vector>

namespace cobra::testing {

/// Passes when both have the same length and |actual - expected| <= absolute + relative * |expected|
/// everywhere. Written as
/// !(difference <= bound), so that a NaN on either side fails; infinities fail too.
inline ::testing::AssertionResult near(std::span<const float> actual, std::span<const float> expected,
                                       double absolute, double relative = 0) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure() << actual.size() << " values, expected " << expected.size();
  }
  size_t wrong = 0, worst = 0;
  double worst_excess = -1;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double difference = std::fabs(double{actual[i]} - double{expected[i]});
    const double bound = absolute + relative * std::fabs(double{expected[i]});
    if (difference <= bound && std::isfinite(actual[i])) continue;
    ++wrong;
    const double excess = std::isfinite(difference) ? difference - bound : HUGE_VAL;
    if (excess > worst_excess) worst = i, worst_excess = excess;
  }
  if (wrong == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << wrong << " of " << actual.size() << " values differ; worst at " << worst << ": " << actual[worst]
         << ", expected " << expected[worst] << " within " << absolute << " + " << relative << " relative";
}

/// Largest difference divided by the largest expected magnitude.
inline double relative_error(std::span<const float> actual, std::span<const float> expected) {
  if (actual.size() != expected.size()) return HUGE_VAL;
  double difference = 0, largest = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double d = std::fabs(double{actual[i]} - double{expected[i]});
    if (!(d <= difference)) difference = std::isnan(d) ? HUGE_VAL : d;
    largest = std::fmax(largest, std::fabs(double{expected[i]}));
  }
  return largest > 0 ? difference / largest : difference;
}

}  // namespace cobra::testing
