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
/// does nothing where stderr is not a terminal. With a `total` the line is a bar, else it counts the seconds.
///
///     Progress progress("converting", bytes);
///     for (...) progress.advance(written);
class Progress {
 public:
  struct Display {
    int fd = STDERR_FILENO;
    std::chrono::milliseconds delay{2000};
    std::chrono::milliseconds interval{200};
  };

  explicit Progress(std::string label, int64_t total = 0) : Progress(std::move(label), total, Display()) {}
  Progress(std::string label, int64_t total, Display display);
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Reports work done, in the unit of `total`. Any thread may call it.
  void advance(int64_t amount) { done_.fetch_add(amount, std::memory_order_relaxed); }
  /// Takes the line away; later calls do nothing.
  void finish();

 private:
  const std::string label_;
  const int64_t total_;
  const Display display_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::atomic<int64_t> done_{0};
  std::mutex mutex_;
  std::condition_variable finished_changed_;
  bool finished_ = false;
  std::thread painter_;

  void paint_until_finished();
  std::string line() const;
};

}  // namespace cobra
