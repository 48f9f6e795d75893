#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "base/aligned_buffer.h"
#include "bench/figure.h"
#include "bench/memory.h"
#include "bench/operations.h"
#include "bench/paired.h"
#include "bench/repeated.h"
#include "bench/report.h"
#include "bench/summed_read.h"
#include "model/presets.h"

namespace cobra::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(OperationsTest, OfTheOfficialModel) {
  const ModelConfig c = preset("cobra-3b");
  // 64 layers of in_proj, x_proj, dt_proj and out_proj, as in the published Mamba-2.8B.
  const double weights = 64.0 * (2560 * 10240 + 5120 * 192 + 160 * 5120 + 5120 * 2560);
  EXPECT_DOUBLE_EQ(prompt_token_operations(c.mamba), 2 * weights);
  EXPECT_DOUBLE_EQ(head_operations(c.mamba), 2.0 * 2560 * 50280);
  const double dino = 23 * (24.0 * 734 * 1024 * 1024 + 4.0 * 734 * 734 * 1024);  // of 24 blocks 23 are run
  const double siglip = 26 * (729 * 1152 * (8.0 * 1152 + 4.0 * 4304) + 4.0 * 729 * 729 * 1152);
  const double projector = 2.0 * 729 * (2176 * 8704 + 8704 * 2560 + 2560 * 2560);
  const double patches = 2.0 * 729 * 3 * 14 * 14 * (1024 + 1152);
  EXPECT_DOUBLE_EQ(picture_operations(c), dino + siglip + projector + patches);
}

TEST(RepeatedTest, TheMedianIsTheMiddle) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 100}), 3);
}

/// Values 1, 2, 3, ... of runs that take `run_ms`.
std::vector<double> runs(const Effort& effort, int run_ms) {
  double next = 0;
  return repeated_values(effort, [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(run_ms));
    return ++next;
  });
}

TEST(RepeatedTest, TheFirstRunIsNotCounted) { EXPECT_THAT(runs({.repeats = 3}, 0), ElementsAre(2, 3, 4)); }

TEST(RepeatedTest, WhatIsSlowRunsLessOften) {
  EXPECT_THAT(runs({.repeats = 100, .limit_s = 0.001}, 20), ElementsAre(1));  // half of the time: it counts
  EXPECT_THAT(runs({.repeats = 3, .limit_s = 1000}, 1), ElementsAre(2, 3, 4));
  EXPECT_LT(runs({.repeats = 100, .limit_s = 0.5}, 50).size(), 11u);
}

TEST(PairedTest, ReadsStandBetweenTheSteps) {
  std::string order;
  const auto pause = [&](char what, int ms) {
    order += what;
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  };
  const PairedTime time = beside_reads(
      6, [&](int64_t) { pause('s', 1); }, [&] { pause('r', 50); });
  EXPECT_EQ(order, "rssssrss");
  EXPECT_GE(time.seconds, 0.001);  // of one step, though the machine may be busy
  EXPECT_GE(time.least_seconds, 0.050);
  EXPECT_LT(time.seconds, time.least_seconds);
}

TEST(PairedTest, ProductsStandBeforeAndAfter) {
  double rate = 2;  // TFLOP/s, half of it when the work is done
  const auto work = [&] {
    rate = 1;
    return 5.0;
  };
  const PairedTime time = beside_products(
      4e12, [&] { return rate; }, work);
  EXPECT_EQ(time.seconds, 5);
  EXPECT_EQ(time.least_seconds, 3);  // 2 and 4
}

TEST(SummedReadTest, EveryWholeCacheLineIsAddedOnce) {
  std::vector<uint64_t> words(1000);
  uint64_t expected = 0, next = 1;
  for (uint64_t& word : words) word = next *= 0x9e3779b97f4a7c15;
  for (size_t i = 0; i < 13 * 8; ++i) expected += words[i];
  for (size_t i = 0; i < 50 * 8; ++i) expected += words[500 + i];
  const std::vector<Words> parts = {{words.data(), 13 * 8 + 7}, {words.data() + 500, 50 * 8}, {}};
  for (const int threads : {1, 2, 3, 64}) {
    for (const bool prefetch : {false, true}) {
      EXPECT_EQ(summed_read(parts, threads, prefetch), expected) << threads;
    }
  }
}

Figure figure(const std::string& unit, std::vector<double> values, Demand demand, double tokens = 1) {
  Figure f;
  f.unit = unit, f.values = std::move(values), f.demand = demand, f.tokens = tokens;
  return f;
}

TEST(FigureTest, TheFractionIsOneAtTheCeiling) {
  const Ceilings machine{.read_gb_per_s = 20, .onednn_bf16_tflop_per_s = 2};
  Figure decode = figure("tokens/s", {7, 4, 5}, {0, 2e9});  // ten tokens a second at most
  set_ceiling(decode, machine);
  EXPECT_DOUBLE_EQ(decode.ceiling(), 10);
  EXPECT_DOUBLE_EQ(decode.fraction_of_ceiling(), 0.5);
  Figure batch = figure("tokens/s", {160}, {0, 2e9}, 16);
  set_ceiling(batch, machine);
  EXPECT_DOUBLE_EQ(batch.fraction_of_ceiling(), 1);
  Figure vision = figure("ms", {1000}, {1e12, 0});  // half a second at least
  set_ceiling(vision, machine);
  EXPECT_DOUBLE_EQ(vision.ceiling(), 500);
  EXPECT_DOUBLE_EQ(vision.fraction_of_ceiling(), 0.5);
}

TEST(FigureTest, EachRunHasTheCeilingOfItsMoment) {
  Figure decode = figure("tokens/s", {9, 5, 8}, {});  // a machine half as fast during the second run
  decode.ceilings = {10, 5, 10};
  set_ceiling(decode, {.read_gb_per_s = 1, .onednn_bf16_tflop_per_s = 1});  // demands nothing more
  EXPECT_DOUBLE_EQ(decode.fraction_of_ceiling(), 0.9);
  EXPECT_DOUBLE_EQ(decode.ceiling(), 10);
  decode.unit = "ms";
  EXPECT_DOUBLE_EQ(decode.fraction_of_ceiling(), 10.0 / 9);
}

TEST(FigureTest, OfTwoDemandsTheSlowerCounts) {
  const Ceilings machine{.read_gb_per_s = 20, .onednn_bf16_tflop_per_s = 2};
  EXPECT_DOUBLE_EQ(least_seconds({1e12, 20e9}, machine), 1);
  EXPECT_DOUBLE_EQ(least_seconds({4e12, 20e9}, machine), 2);
  Figure save = figure("ms", {3}, {});
  set_ceiling(save, machine);
  EXPECT_TRUE(std::isnan(save.fraction_of_ceiling()));
}

TEST(MemoryTest, ThePeakIsSeenAndForgotten) {
  if (resident_gb() == 0) GTEST_SKIP() << "the system does not tell";
  constexpr int64_t kBytes = 200 << 20;
  forget_peak();
  const double before = peak_resident_gb();
  { const AlignedBuffer<char> touched(kBytes); }
  EXPECT_GT(peak_resident_gb(), before + 0.19);
  EXPECT_LT(resident_gb(), before + 0.05);
  forget_peak();
  EXPECT_LT(peak_resident_gb(), before + 0.05);
}

BenchResult some_result() {
  BenchResult result;
  result.ceiling_samples = {{20}, {1}, {2}, {2}};
  Figure read = figure("tokens/s", {8}, {});
  read.name = "decode at depth 4", read.depth = 4, read.tokens_read = 4;
  Figure set = read;
  set.name = "decode at depth 900", set.depth = 900;
  result.figures = {read, set};
  return result;
}

TEST(ReportTest, APositionThatWasSetIsTold) {
  const Json json = to_json(some_result());
  EXPECT_EQ(json["results"][0]["depth_reached"], "read");
  EXPECT_EQ(json["results"][1]["depth_reached"], "set");
  EXPECT_EQ(json["results"][1]["tokens_read"], 4);
  EXPECT_TRUE(json["results"][0]["fraction_of_ceiling"].is_null());
  EXPECT_THAT(table(some_result()), HasSubstr("decode at depth 900 *"));
  EXPECT_THAT(table(some_result()), HasSubstr("decode at depth 4  "));
}

}  // namespace
}  // namespace cobra::bench
