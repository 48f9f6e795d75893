// What a run tells: a line on the terminal that is always up to date, and log.txt in the run folder.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "train/run/metrics.h"

namespace cobra::train {

class RunLog {
 public:
  /// Appends to `path`. With `path` empty nothing is told at all (ranks other than the first).
  RunLog(std::string path, int64_t total_steps);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  /// A line of talk: stderr and log.
  void line(std::string_view text);
  /// An update is done: the terminal's line at most five times a second; elsewhere a line each ten seconds.
  void step(const StepMetrics& metrics);

 private:
  using Clock = std::chrono::steady_clock;
  const int64_t total_steps_;
  const bool terminal_;
  int fd_ = -1;
  bool shown_ = false;  // the terminal's line stands
  int64_t first_step_ = -1;
  Clock::time_point start_, told_;

  std::string text(const StepMetrics& metrics) const;
  void erase();
};

/// "3 h 20 min", "4 min 10 s", "12 s".
std::string duration_text(double seconds);

}  // namespace cobra::train
