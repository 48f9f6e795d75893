// Batches made ready in the background, so that pictures are decoded while the step before computes.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "train/run/training_data.h"

namespace cobra::train {

class BatchQueue {
 public:
  /// The examples of the next micro-batch; nothing at the end. Called by the queue's thread alone.
  using Plan = std::function<std::optional<std::vector<int64_t>>()>;

  /// At most `capacity` batches wait. `data` must outlive the queue.
  BatchQueue(const TrainingData& data, Plan plan, size_t capacity);
  ~BatchQueue();
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  struct Entry {
    std::vector<int64_t> examples;
    LoadedBatch loaded;
  };
  /// The next batch, in the plan's order. Throws what loading it threw.
  Entry next();

 private:
  const TrainingData& data_;
  const Plan plan_;
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> ready_;
  std::exception_ptr failure_;
  bool stopped_ = false, ended_ = false;
  std::thread thread_;

  void fill();
  bool add(Entry entry);
  void end(std::exception_ptr failure);
};

}  // namespace cobra::train
