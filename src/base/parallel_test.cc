#include "base/parallel.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace cobra {
namespace {

TEST(ParallelShares, EveryIndexIsInOnePiece) {
  for (const int threads : {1, 2, 3, 7}) {
    for (const int64_t n : {0, 1, 5, 64, 101}) {
      for (const int64_t piece : {1, 4, 200}) {
        std::vector<std::atomic<int>> met(static_cast<size_t>(n));
        std::atomic<bool> too_long = false;
        parallel_shares(threads, n, piece, [&](int64_t begin, int64_t end) {
          if (end <= begin || end - begin > piece) too_long = true;
          for (int64_t i = begin; i < end; ++i) ++met[static_cast<size_t>(i)];
        });
        EXPECT_FALSE(too_long) << threads << " threads, " << n << " by " << piece;
        for (const auto& count : met) EXPECT_EQ(count, 1) << threads << " threads, " << n << " by " << piece;
      }
    }
  }
}

TEST(ParallelShares, WhoIsDoneTakesOverFromWhoIsHeldUp) {
  constexpr int64_t kPieces = 8;
  std::atomic<int64_t> done = 0;
  std::atomic<bool> others_finished = false;
  parallel_shares(2, kPieces, 1, [&](int64_t piece, int64_t) {
    if (piece == 0) {  // the first thread's first one; three more are its own
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (done < kPieces - 1 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      others_finished = done == kPieces - 1;
    }
    ++done;
  });
  EXPECT_TRUE(others_finished);
}

TEST(ParallelShares, AnExceptionReachesTheCaller) {
  const auto fail = [](int64_t begin, int64_t) {
    if (begin == 7) throw std::runtime_error("seven");
  };
  EXPECT_THROW(parallel_shares(3, 20, 1, fail), std::runtime_error);
}

}  // namespace
}  // namespace cobra
