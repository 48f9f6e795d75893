#include "train/run/batch_queue.h"

#include <omp.h>

#include "base/fail.h"
#include "train/torch.h"

namespace cobra::train {

BatchQueue::BatchQueue(const TrainingData& data, Plan plan, size_t capacity)
    : data_(data), plan_(std::move(plan)), capacity_(capacity), thread_([this] { fill(); }) {}

BatchQueue::~BatchQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BatchQueue::fill() {
  at::get_num_threads();   // libtorch sets a thread's team when it is first asked;
  omp_set_num_threads(1);  // this one must not have a second team beside the step's
  try {
    while (const std::optional<std::vector<int64_t>> examples = plan_()) {
      if (!add({*examples, data_.load(*examples)})) return;
    }
    end(nullptr);
  } catch (...) {
    end(std::current_exception());
  }
}

bool BatchQueue::add(Entry entry) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || ready_.size() < capacity_; });
  if (stopped_) return false;
  ready_.push_back(std::move(entry));
  changed_.notify_all();
  return true;
}

void BatchQueue::end(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(failure);
  ended_ = true;
  changed_.notify_all();
}

BatchQueue::Entry BatchQueue::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_ || !ready_.empty(); });
  if (ready_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    fail("the data ended before the last update");
  }
  Entry entry = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return entry;
}

}  // namespace cobra::train
