#include "train/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/fail.h"

namespace cobra::train {

ScheduleShape parse_schedule(std::string_view text) {
  if (text == "linear-warmup+cosine-decay") return ScheduleShape::cosine;
  if (text == "constant") return ScheduleShape::constant;
  fail("lr schedule '{}' is unknown: expected linear-warmup+cosine-decay or constant", printable(text));
}

double Schedule::rate(int64_t step) const {
  if (shape == ScheduleShape::constant) return peak;
  if (step < warmup_steps) return peak * static_cast<double>(step) / static_cast<double>(warmup_steps);
  const int64_t decaying = std::max<int64_t>(1, total_steps - warmup_steps);
  const double progress = static_cast<double>(step - warmup_steps) / static_cast<double>(decaying);
  return peak * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * progress)));
}

double Schedule::used(int64_t step) const {
  return step == 0 && shape == ScheduleShape::cosine ? 0 : rate(step);
}

}  // namespace cobra::train
