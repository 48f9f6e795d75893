#include "train/distributed/heartbeat.h"

#include <unistd.h>

#include <chrono>
#include <vector>

#include "base/fail.h"
#include "cli/output.h"

namespace cobra::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kBeatEvery{2}, kDeadAfter{20}, kEndAfter{3};

std::string key_of(int rank) { return fmt::format("alive/{}", rank); }

[[noreturn]] void end(const std::string& message) {
  say_error(message);
  ::_exit(1);
}

}  // namespace

Heartbeat::Heartbeat(c10::intrusive_ptr<c10d::Store> store, int rank, int count)
    : store_(std::move(store)), rank_(rank), count_(count), thread_([this] { watch(); }) {}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stopped_changed_.notify_one();
  thread_.join();
}

/// False when it is time to stop.
bool Heartbeat::wait() {
  std::unique_lock lock(mutex_);
  return !stopped_changed_.wait_for(lock, kBeatEvery, [this] { return stopped_; });
}

void Heartbeat::watch() {
  struct Seen {
    int64_t beats = -1;
    Clock::time_point at = Clock::now();
  };
  std::vector<Seen> seen(static_cast<size_t>(count_));
  try {
    do {
      store_->add(key_of(rank_), 1);
      for (int other = 0; other < count_; ++other) {
        if (other == rank_) continue;
        Seen& last = seen[static_cast<size_t>(other)];
        const int64_t beats = store_->add(key_of(other), 0);
        if (beats != last.beats) last = {beats, Clock::now()};
        if (Clock::now() - last.at > kDeadAfter) {
          end(fmt::format(
              "rank {}: rank {} of {} has given no sign of life for {} seconds, and so the run ends here; "
              "finished checkpoints are kept",
              rank_, other, count_, kDeadAfter.count()));
        }
      }
    } while (wait());
  } catch (const std::exception&) {
    // The main thread has most likely seen it too, and says it better.
    std::this_thread::sleep_for(kEndAfter);
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      end(fmt::format(
          "rank {}: rank 0 has ended or cannot be reached, and so the run ends here; finished checkpoints "
          "are kept",
          rank_));
    }
  }
}

}  // namespace cobra::train
