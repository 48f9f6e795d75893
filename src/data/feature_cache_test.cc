#include "data/feature_cache.h"

#include <sys/wait.h>

#include <cmath>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/half.h"
#include "data/test_data.h"

namespace cobra::data {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

constexpr int64_t kRows = 3, kWidth = 5;
constexpr int64_t kEntryBytes = 64 + kRows * kWidth * 4;

/// The features of "picture" n, and how often they were computed.
struct Towers {
  std::atomic<int> calls = 0;
  std::vector<float> operator()(int n) {
    ++calls;
    std::vector<float> features;
    for (int i = 0; i < kRows * kWidth; ++i) features.push_back(std::sin(static_cast<float>(n * 100 + i)));
    return features;
  }
};

std::string picture(int n) { return "picture " + std::to_string(n); }

class FeatureCacheTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;
  Towers towers_;

  FeatureCacheOptions options(const std::string& fingerprint = "towers", DType type = DType::f32,
                              int64_t max_bytes = 0) const {
    return {folder_.file("cache"), fingerprint, kRows, kWidth, type, max_bytes};
  }
  std::vector<float> get(FeatureCache& cache, int n) {
    const std::string bytes = picture(n);
    return cache.get(std::as_bytes(std::span(bytes)), [&] { return towers_(n); });
  }
  std::vector<std::string> entries() const {
    std::vector<std::string> files;
    for (const auto& e : std::filesystem::recursive_directory_iterator(folder_.file("cache"))) {
      if (e.path().extension() == ".features") files.push_back(e.path());
    }
    return files;
  }
};

TEST_F(FeatureCacheTest, ComputesOnce) {
  const std::vector<float> expected = Towers()(1);
  for (int run = 0; run < 2; ++run) {
    FeatureCache cache(options());
    EXPECT_EQ(get(cache, 1), expected);
    EXPECT_EQ(get(cache, 1), expected);
    EXPECT_EQ(cache.counts().hits, run + 1);
  }
  EXPECT_EQ(towers_.calls, 1);
}

TEST_F(FeatureCacheTest, KeysFollowFromAllThatMatters) {
  FeatureCache a(options()), b(options("other towers")), c(options("towers", DType::bf16));
  for (FeatureCache* cache : {&a, &b, &c}) get(*cache, 1);
  get(a, 2);
  EXPECT_EQ(towers_.calls, 4);
  EXPECT_EQ(entries().size(), 4U);
}

TEST_F(FeatureCacheTest, RoundsTheSameColdAndWarm) {
  std::vector<float> expected = Towers()(1);
  for (float& f : expected) f = to_float(to_bfloat16(f));
  FeatureCache cache(options("towers", DType::bf16));
  EXPECT_EQ(get(cache, 1), expected);
  EXPECT_EQ(get(cache, 1), expected);
  EXPECT_EQ(towers_.calls, 1);
}

TEST_F(FeatureCacheTest, FindsEveryDamage) {
  FeatureCache cache(options());
  const std::vector<float> expected = get(cache, 1);
  const std::string file = entries().at(0);
  const std::string good = read_file(file, 1 << 20);
  std::vector<std::string> bad = {"", good.substr(0, good.size() - 1), good + "x"};
  for (size_t i = 0; i < good.size(); ++i) bad.push_back(good), bad.back()[i] ^= 0x10;
  for (const std::string& bytes : bad) {
    std::ofstream(file, std::ios::binary) << bytes;
    const int before = towers_.calls;
    ASSERT_EQ(get(cache, 1), expected);
    ASSERT_EQ(towers_.calls, before + 1);
    ASSERT_EQ(read_file(file, 1 << 20), good);
  }
  EXPECT_EQ(cache.counts().damaged, static_cast<int64_t>(bad.size()));
}

TEST_F(FeatureCacheTest, AnEntryUnderAnotherNameIsNotTaken) {
  FeatureCache cache(options());
  get(cache, 1);
  const std::string first = entries().at(0);
  get(cache, 2);
  for (const std::string& file : entries()) {
    if (file != first)
      std::filesystem::copy_file(first, file, std::filesystem::copy_options::overwrite_existing);
  }
  EXPECT_EQ(get(cache, 2), Towers()(2));
}

TEST_F(FeatureCacheTest, StaysBelowItsLimit) {
  FeatureCache cache(options("towers", DType::f32, 3 * kEntryBytes + 20));
  for (int n = 0; n < 10; ++n) EXPECT_EQ(get(cache, n), Towers()(n));
  EXPECT_EQ(entries().size(), 3U);
  EXPECT_EQ(cache.counts().not_stored, 7);
  EXPECT_EQ(get(cache, 0), Towers()(0));
  EXPECT_EQ(cache.counts().hits, 1) << "what is stored stays";
}

TEST_F(FeatureCacheTest, CountsWhatItFinds) {
  {
    FeatureCache cache(options()), other(options());
    get(cache, 1), get(other, 2);
  }
  FeatureCache cache(options("towers", DType::f32, 3 * kEntryBytes + 20));
  for (int n = 10; n < 20; ++n) get(cache, n);
  EXPECT_EQ(entries().size(), 3U);
}

TEST_F(FeatureCacheTest, ThreadsAndProcessesShareIt) {
  constexpr int kPictures = 40, kProcesses = 3;
  const auto use = [&] {
    FeatureCache cache(options("towers", DType::f32, kPictures * kEntryBytes + 20));
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 3 * kPictures; ++i)
          wrong += get(cache, (i * 7 + t) % kPictures) != Towers()((i * 7 + t) % kPictures);
      });
    }
    for (std::thread& thread : threads) thread.join();
    return wrong == 0 && cache.counts().damaged == 0;
  };
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(use() ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_LE(entries().size(), static_cast<size_t>(kPictures));
  EXPECT_GT(entries().size(), 0U);
}

TEST_F(FeatureCacheTest, GoesOnWhereNothingCanBeWritten) {
  FeatureCache cache(options());
  std::filesystem::remove_all(folder_.file("cache"));
  folder_.write("cache", "a file in the folder's place");
  EXPECT_EQ(get(cache, 1), Towers()(1));
  EXPECT_EQ(cache.counts().not_stored, 1);
  EXPECT_THAT(error_of([&] { FeatureCache{options()}; }),
              HasSubstr("cannot make the feature cache's folder"));
}

TEST_F(FeatureCacheTest, RefusesNonsense) {
  const auto refusal = [&](auto change) {
    FeatureCacheOptions o = options();
    change(o);
    return error_of([&] { FeatureCache{o}; });
  };
  EXPECT_THAT(refusal([](auto& o) { o.rows = 0; }), HasSubstr("0 x 5"));
  EXPECT_THAT(refusal([](auto& o) { o.rows = INT64_MAX; }), HasSubstr("x 5 values"));
  EXPECT_THAT(refusal([](auto& o) { o.type = DType::q8_0; }), HasSubstr("f32 or bf16, found q8_0"));
  FeatureCache cache(options());
  EXPECT_THAT(error_of([&] { cache.put({}, {1.0F}); }), HasSubstr("1 values, expected 3 x 5"));
}

}  // namespace
}  // namespace cobra::data
