// Python's random.Random, as far as shuffling lists needs it. Source: CPython's Modules/_randommodule.c and
// Lib/random.py; the generator is MT19937 (Matsumoto and Nishimura, 1998) seeded by its init_by_array.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cobra {

class PythonRandom {
 public:
  /// random.Random(seed)
  explicit PythonRandom(uint32_t seed);

  /// The next 32 bits of the generator.
  uint32_t next();
  /// _randbelow(n): from 0 to n - 1, n >= 1 and below 2^32.
  uint32_t below(uint32_t n);

  /// random.shuffle
  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i-- > 1;) std::swap(items[i], items[below(static_cast<uint32_t>(i + 1))]);
  }

 private:
  static constexpr size_t kWords = 624;
  std::array<uint32_t, kWords> state_;
  size_t used_ = kWords;

  void refill();
};

}  // namespace cobra
