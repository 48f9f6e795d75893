// Repeated measurements of one thing.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace cobra::bench {

/// Seconds that work() takes.
template <typename Work>
double seconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Of at least one value; the mean of the middle two where their number is even.
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Seconds of `repeats` runs, after one that is not counted.
template <typename Work>
std::vector<double> repeated(int64_t repeats, const Work& work) {
  work();
  std::vector<double> values;
  for (int64_t i = 0; i < repeats; ++i) values.push_back(seconds(work));
  return values;
}

}  // namespace cobra::bench
