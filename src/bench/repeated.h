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

/// How often something is measured.
struct Effort {
  int64_t repeats = 3;
  double limit_s = 0;  // no further run begins after so many seconds; 0: no limit
};

/// Values of `effort.repeats` runs, or of fewer, at least one, when the time is up. `measure` does the work
/// and returns its value. A first run is not counted, for it packs weights and touches memory, unless it
/// alone takes half of the time.
template <typename Measure>
auto repeated_values(const Effort& effort, const Measure& measure) {
  const double limit = effort.limit_s > 0 ? effort.limit_s : 1e300;
  std::vector<decltype(measure())> values;
  decltype(measure()) first{};
  double spent = seconds([&] { first = measure(); });
  if (spent >= limit / 2) values.push_back(first);
  while (values.empty() || (std::ssize(values) < effort.repeats && spent < limit)) {
    decltype(measure()) value{};
    spent += seconds([&] { value = measure(); });
    values.push_back(value);
  }
  return values;
}

/// The same for seconds of work().
template <typename Work>
std::vector<double> repeated(const Effort& effort, const Work& work) {
  return repeated_values(effort, [&] { return seconds(work); });
}

}  // namespace cobra::bench
