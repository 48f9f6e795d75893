#include "bench/summed_read.h"

#include <vector>

#include "base/parallel.h"
#include "bench/repeated.h"

namespace cobra::bench {
namespace {

template <bool kPrefetch>
uint64_t sum_of(std::span<const Words> parts, int threads) {
  constexpr int64_t kLine = 8, kAhead = 256;  // words: a cache line; how far ahead it is asked for
  std::vector<uint64_t> sums(static_cast<size_t>(threads) * kLine);
  // In shares of which a thread takes several where the system gives it fewer others than it asked for.
  parallel_ranges(threads, threads, [&](int64_t begin, int64_t end, int thread) {
    uint64_t sum[kLine] = {};
    for (const Words words : parts) {
      const int64_t lines = std::ssize(words) / kLine;
      for (int64_t line = lines * begin / threads; line < lines * end / threads; ++line) {
        const uint64_t* first = words.data() + line * kLine;
        if constexpr (kPrefetch) __builtin_prefetch(first + kAhead);
        for (int64_t i = 0; i < kLine; ++i) sum[i] += first[i];
      }
    }
    for (const uint64_t part : sum) sums[static_cast<size_t>(thread * kLine)] += part;
  });
  uint64_t total = 0;
  for (const uint64_t part : sums) total += part;
  return total;
}

}  // namespace

uint64_t summed_read(std::span<const Words> parts, int threads, bool prefetch) {
  return prefetch ? sum_of<true>(parts, threads) : sum_of<false>(parts, threads);
}

bool prefetch_helps(std::span<const Words> parts, int threads) {
  constexpr int kRounds = 5;
  volatile uint64_t sum = 0;
  std::vector<double> times[2];
  for (int round = 0; round < kRounds; ++round) {  // in turn, so that a disturbance meets both
    for (const bool prefetch : {false, true}) {
      times[prefetch].push_back(seconds([&] { sum = summed_read(parts, threads, prefetch); }));
    }
  }
  return median(times[true]) < median(times[false]);
}

}  // namespace cobra::bench
