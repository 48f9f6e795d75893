// The fastest read of memory that can be checked: what speeds of one token at a time are read against.
#pragma once

#include <cstdint>
#include <vector>

#include "base/parallel.h"

namespace cobra::bench {

/// Sum of `count` words (whole cache lines of 8), read by `threads` threads: every word is added up, or the
/// compiler would leave the loads out.
inline uint64_t summed_read(const uint64_t* words, int64_t count, int threads) {
  constexpr int64_t kLine = 8, kAhead = 256;  // words: a cache line; how far ahead it is asked for
  std::vector<uint64_t> sums(static_cast<size_t>(threads) * kLine);
  parallel_ranges(threads, count / kLine, [&](int64_t begin, int64_t end, int thread) {
    uint64_t sum[kLine] = {};
    for (int64_t line = begin; line < end; ++line) {
      __builtin_prefetch(words + line * kLine + kAhead);
      for (int64_t i = 0; i < kLine; ++i) sum[i] += words[line * kLine + i];
    }
    for (const uint64_t part : sum) sums[static_cast<size_t>(thread * kLine)] += part;
  });
  uint64_t total = 0;
  for (const uint64_t part : sums) total += part;
  return total;
}

}  // namespace cobra::bench
