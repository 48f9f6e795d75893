// Signs of life between ranks, for deaths that close no connection: a machine without power, a cut network.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace cobra::train {

/// Counts for this rank in the store, and watches the others' counts, in a thread of its own. Where one
/// stands still for 20 seconds, or the store is gone, the process ends with a message and exit code 1: the
/// main thread may be waiting for that rank and cannot be told.
class Heartbeat {
 public:
  /// `store` is used by this alone.
  Heartbeat(c10::intrusive_ptr<c10d::Store> store, int rank, int count);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  const c10::intrusive_ptr<c10d::Store> store_;
  const int rank_, count_;
  std::mutex mutex_;
  std::condition_variable stopped_changed_;
  bool stopped_ = false;
  std::thread thread_;

  void watch();
  bool wait();
};

}  // namespace cobra::train
