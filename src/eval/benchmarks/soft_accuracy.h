// VQA accuracy: an answer is worth min(1, matches / 3), averaged over the ways to leave one annotator out.
#pragma once

#include <cstddef>

namespace cobra::eval {

/// `matches(i)`: how many annotators other than the i-th gave the answer. NaN without annotators.
template <typename Matches>
double soft_accuracy(size_t annotators, Matches matches) {
  double sum = 0;
  for (size_t i = 0; i < annotators; ++i) {
    const double others = static_cast<double>(matches(i));
    sum += others < 3 ? others / 3 : 1;
  }
  return sum / static_cast<double>(annotators);
}

}  // namespace cobra::eval
