#include "data/prefetch.h"

#include <atomic>
#include <chrono>

#include "data/test_data.h"

namespace cobra::data {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST(Prefetcher, KeepsTheOrderWhateverTheThreads) {
  for (const int threads : {0, 1, 2, 5}) {
    for (const int64_t capacity : {1, 3, 100}) {
      Prefetcher<int64_t> items(
          10, 40,
          [](int64_t i) {
            std::this_thread::sleep_for(std::chrono::microseconds((i * 7919) % 5 * 100));
            return i * i;
          },
          {threads, capacity});
      for (int64_t i = 10; i < 40; ++i) ASSERT_EQ(items.next(), i * i);
      EXPECT_EQ(items.next(), std::nullopt);
      EXPECT_EQ(items.next(), std::nullopt);
    }
  }
}

TEST(Prefetcher, ErrorsComeInTheirTurn) {
  for (const int threads : {0, 2}) {
    Prefetcher<std::string> items(0, 4,
                                  [](int64_t i) -> std::string {
                                    check(i != 1, "example {}: broken", i);
                                    return std::to_string(i);
                                  },
                                  {threads, 2});
    EXPECT_EQ(items.next(), "0");
    EXPECT_EQ(error_of([&] { items.next(); }), "example 1: broken");
    EXPECT_EQ(items.next(), "2");
    EXPECT_EQ(items.next(), "3");
  }
}

TEST(Prefetcher, MakesNoMoreThanItsCapacity) {
  std::atomic<int64_t> made = 0;
  Prefetcher<int64_t> items(0, 1000, [&](int64_t i) { return ++made, i; }, {3, 4});
  for (int64_t taken = 0; taken < 20; ++taken) {
    std::this_thread::sleep_for(1ms);
    EXPECT_LE(made, taken + 4);
    items.next();
  }
  while (made < 24) std::this_thread::yield();  // the queue is filled again
}

TEST(Prefetcher, StopsInTheMiddle) {
  std::atomic<int> under_way = 0;
  {
    Prefetcher<int64_t> items(0, 1'000'000,
                              [&](int64_t i) {
                                ++under_way;
                                std::this_thread::sleep_for(1ms);
                                --under_way;
                                return i;
                              },
                              {4, 100});
    items.next();
  }
  EXPECT_EQ(under_way, 0);
}

TEST(Prefetcher, RefusesNonsense) {
  const auto make = [](const PrefetchOptions& options) {
    return error_of([&] {
      Prefetcher<int>(
          0, 1, [](int64_t) { return 0; }, options);
    });
  };
  EXPECT_THAT(make({-1, 1}), HasSubstr("-1 threads"));
  EXPECT_THAT(make({1, 0}), HasSubstr("a capacity of 0"));
}

}  // namespace
}  // namespace cobra::data
