// Runs beside what the machine could do just then: a shared machine's speed changes within seconds.
#pragma once

#include <cstdint>

#include "bench/repeated.h"
#include "kernels/rounding.h"

namespace cobra::bench {

/// Of one run, and of what it cannot do without.
struct PairedTime {
  double seconds = 0, least_seconds = 0;
};

/// Seconds for one of the calls step(0), ..., step(steps - 1), beside those for one call of read(), which
/// stands between the steps: before every fourth, so that it takes little of the time.
template <typename Step, typename Read>
PairedTime beside_reads(int64_t steps, const Step& step, const Read& read) {
  constexpr int64_t kStepsForARead = 4;
  PairedTime total;
  for (int64_t i = 0; i < steps; ++i) {
    if (i % kStepsForARead == 0) total.least_seconds += seconds(read);
    total.seconds += seconds([&] { step(i); });
  }
  return {total.seconds / static_cast<double>(steps),
          total.least_seconds / static_cast<double>(divide_up(steps, kStepsForARead))};
}

/// Seconds that measure() tells, beside those for `operations` at the rates that tflop_per_s() tells before
/// and after.
template <typename Rate, typename Measure>
PairedTime beside_products(double operations, const Rate& tflop_per_s, const Measure& measure) {
  const auto least = [&] { return operations / 1e12 / median(repeated_values({}, tflop_per_s)); };
  const double before = least(), time = measure();
  return {time, (before + least()) / 2};
}

}  // namespace cobra::bench
