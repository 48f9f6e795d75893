// Progress of long work, on a terminal only.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace cobra {

/// Shows one line on stderr once the work has taken two seconds, and takes it away when the work is done;
/// does nothing where stderr is not a terminal. The line is a bar when `update` tells how far the work is,
/// and how long the rest will take, else it counts the seconds.
///
///     ProgressLine progress("converting");
///     options.progress = [&](int64_t done, int64_t total, const std::string&) { progress.update(done,
///     total); };
class ProgressLine {
 public:
  struct Display {
    int fd = STDERR_FILENO;
    std::chrono::milliseconds delay{2000};
    std::chrono::milliseconds interval{200};
  };

  explicit ProgressLine(std::string label) : ProgressLine(std::move(label), Display()) {}
  ProgressLine(std::string label, Display display);
  ~ProgressLine() { finish(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// How much of the work is done, in any unit. Any thread may call it.
  void update(int64_t done, int64_t total) {
    total_.store(total, std::memory_order_relaxed);
    done_.store(done, std::memory_order_relaxed);
  }
  /// Takes the line away; later calls do nothing.
  void finish();

 private:
  const std::string label_;
  const Display display_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::atomic<int64_t> total_{0};
  std::atomic<int64_t> done_{0};
  std::mutex mutex_;
  std::condition_variable finished_changed_;
  bool finished_ = false;
  std::thread painter_;

  void paint_until_finished();
  std::string line() const;
};

}  // namespace cobra
