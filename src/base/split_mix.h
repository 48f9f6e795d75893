// Random numbers that are the same on every machine and cheap to seed: SplitMix64 (Steele, Lea and Flood
// 2014).
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace cobra {

/// The generator's output function: a good hash of a counter.
constexpr uint64_t split_mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  /// The `index`-th of many streams of one seed: items can be made in any order.
  SplitMix(uint64_t seed, uint64_t index) : state_(split_mix(split_mix(seed) ^ index)) {}

  uint64_t next() {
    const uint64_t value = split_mix(state_);
    state_ += 0x9e3779b97f4a7c15;
    return value;
  }
  /// 0 to n - 1, n >= 1. Biased by less than n / 2^64.
  size_t below(size_t n) { return next() % n; }
  /// From `low` up to, but not, `high`.
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53;
  }
  bool chance(double probability) { return uniform(0, 1) < probability; }

  template <typename T>
  const T& pick(std::span<const T> items) {
    return items[below(items.size())];
  }
  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t state_;
};

}  // namespace cobra
