// Work done ahead by background threads and handed over in order: decoding the pictures of the next batches
// while a step computes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "base/fail.h"

namespace cobra::data {

struct PrefetchOptions {
  int threads = 1;       // 0: next() does the work itself
  int64_t capacity = 4;  // items that may be under way or waiting, at least 1; what bounds the memory
};

/// Gives make(begin), make(begin + 1), ..., make(end - 1), whatever the number of threads. `make` runs on
/// several threads at once and names what it works on in its errors ("DATA.json: example 17 (id '7'): ...");
/// an exception of it is thrown by the next() whose turn it is, and the items behind it are still to be had.
/// The destructor waits for the calls of `make` that are under way. One thread may use the object.
template <class Item>
class Prefetcher {
 public:
  using Make = std::function<Item(int64_t)>;

  Prefetcher(int64_t begin, int64_t end, Make make, const PrefetchOptions& options)
      : make_(std::move(make)), next_(begin), claimed_(begin), end_(end), capacity_(options.capacity) {
    check(options.threads >= 0 && options.capacity > 0, "prefetch: {} threads and a capacity of {}",
          options.threads, options.capacity);
    try {
      for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { work(); });
    } catch (...) {  // no more threads to be had
      stop();
      throw;
    }
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  ~Prefetcher() { stop(); }

  /// The next item, std::nullopt behind the last. Waits for it; throws what make() threw for it.
  std::optional<Item> next() {
    if (next_ >= end_) return std::nullopt;
    if (threads_.empty()) return make_(next_++);
    Result result = take();
    if (auto* error = std::get_if<std::exception_ptr>(&result)) std::rethrow_exception(*error);
    return std::move(std::get<Item>(result));
  }

 private:
  using Result = std::variant<Item, std::exception_ptr>;

  Make make_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable room_, done_;
  std::map<int64_t, Result> results_;
  int64_t next_;     // the item that next() gives; written by the consumer only
  int64_t claimed_;  // the item that the next free thread makes
  const int64_t end_;
  const int64_t capacity_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;

  Result take() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return results_.contains(next_); });
    Result result = std::move(results_.extract(next_).mapped());
    ++next_;
    room_.notify_all();
    return result;
  }

  /// The next item to make, or std::nullopt when the work is over.
  std::optional<int64_t> claim() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return stopped_ || claimed_ >= end_ || claimed_ < next_ + capacity_; });
    if (stopped_ || claimed_ >= end_) return std::nullopt;
    return claimed_++;
  }

  Result make(int64_t i) {
    try {
      return Result(std::in_place_index<0>, make_(i));
    } catch (...) {
      return Result(std::in_place_index<1>, std::current_exception());
    }
  }

  void work() {
    while (const std::optional<int64_t> i = claim()) {
      Result result = make(*i);
      const std::lock_guard lock(mutex_);
      results_.emplace(*i, std::move(result));
      done_.notify_all();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
};

}  // namespace cobra::data
