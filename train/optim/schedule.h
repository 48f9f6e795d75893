// Learning rate by step. Source: the official run_setup with transformers' get_cosine_schedule_with_warmup.
#pragma once

#include <cstdint>
#include <string_view>

namespace cobra::train {

enum class ScheduleShape { cosine, constant };

struct Schedule {
  double peak = 2e-5;
  int64_t total_steps = 1;
  int64_t warmup_steps = 0;
  ScheduleShape shape = ScheduleShape::cosine;

  /// int(total * ratio), as the official code counts.
  static int64_t warmup_of(int64_t total_steps, double ratio) {
    return static_cast<int64_t>(static_cast<double>(total_steps) * ratio);
  }
  /// The rate that update `step` (from 0) uses. The first is 0 even without warm-up, because the official
  /// code zeroes its groups after the scheduler was made.
  double used(int64_t step) const;
  /// The rate that is logged after update `step`: that of the next one.
  double logged(int64_t step) const { return rate(step + 1); }

 private:
  double rate(int64_t step) const;
};

/// "linear-warmup+cosine-decay" or "constant", the official names; throws Error otherwise.
ScheduleShape parse_schedule(std::string_view text);

}  // namespace cobra::train
