// The fastest read of memory that can be checked: what speeds of one token at a time are read against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cobra::bench {

/// Words that lie together.
using Words = std::span<const uint64_t>;

inline Words words_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint64_t*>(bytes.data()), bytes.size() / sizeof(uint64_t)};
}

/// Sum of the whole cache lines (8 words) in all of `parts`, each read by `threads` threads together: every
/// word is added up, or the compiler would leave the loads out.
uint64_t summed_read(std::span<const Words> parts, int threads, bool prefetch);

/// Whether this machine reads faster when lines are asked for ahead: some do by a tenth, others lose as much.
bool prefetch_helps(std::span<const Words> parts, int threads);

}  // namespace cobra::bench
