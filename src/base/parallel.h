// Work over threads with OpenMP, which oneDNN shares. An exception in the body reaches the caller.
#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <vector>

namespace cobra {

/// Calls body(i, thread) for i in [0, n), each once, handed out one by one; `thread` < threads. Which thread
/// runs which i is not fixed, so a body's result must not depend on it.
template <class Body>
void parallel_for(int threads, int64_t n, const Body& body) {
  if (threads <= 1 || n <= 1) {
    for (int64_t i = 0; i < n; ++i) body(i, 0);
    return;
  }
  std::exception_ptr error;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int64_t i = 0; i < n; ++i) {
    try {
      body(i, omp_get_thread_num());
    } catch (...) {
#pragma omp critical(cobra_parallel_error)
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

/// Calls body(begin, end, thread) once for each thread with its even, contiguous share of [0, n).
template <class Body>
void parallel_ranges(int threads, int64_t n, const Body& body) {
  if (threads <= 1 || n <= 1) {
    if (n > 0) body(int64_t{0}, n, 0);
    return;
  }
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int64_t team = omp_get_num_threads(), thread = omp_get_thread_num();
    const int64_t begin = n * thread / team, end = n * (thread + 1) / team;
    try {
      if (begin < end) body(begin, end, static_cast<int>(thread));
    } catch (...) {
#pragma omp critical(cobra_parallel_error)
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

/// What is left of a thread's share; in a cache line of its own.
struct alignas(64) Share {
  std::atomic<int64_t> next;
  int64_t end;
};

/// One for each thread of a region that the calling thread begins; allocates only for more threads than
/// before.
inline std::vector<Share>& shares_for(int threads) {
  thread_local std::vector<Share> shares;
  if (std::ssize(shares) < threads) shares = std::vector<Share>(static_cast<size_t>(threads));
  return shares;
}

/// Calls body(begin, end) for pieces of at most `piece` that make up [0, n). Each thread walks an even,
/// contiguous share of it; one that is done takes the next pieces of the others, so that none waits for a
/// thread that the system or memory has slowed. Which thread runs which piece is not fixed. The body may not
/// begin such work itself.
template <class Body>
void parallel_shares(int threads, int64_t n, int64_t piece, const Body& body) {
  if (threads <= 1 || n <= piece) {
    for (int64_t begin = 0; begin < n; begin += piece) body(begin, std::min(begin + piece, n));
    return;
  }
  std::vector<Share>& shares = shares_for(threads);
  for (int64_t i = 0; i < threads; ++i) {
    shares[static_cast<size_t>(i)].next = n * i / threads;
    shares[static_cast<size_t>(i)].end = n * (i + 1) / threads;
  }
  parallel_ranges(threads, threads, [&](int64_t, int64_t, int thread) {
    for (int64_t i = 0; i < threads; ++i) {
      Share& share = shares[static_cast<size_t>((thread + i) % threads)];
      for (int64_t begin = share.next.fetch_add(piece); begin < share.end;
           begin = share.next.fetch_add(piece))
        body(begin, std::min(begin + piece, share.end));
    }
  });
}

}  // namespace cobra
