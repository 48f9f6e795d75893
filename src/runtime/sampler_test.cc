// The sampler against the official distributions, and its own promises.
#include "runtime/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/fail.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "reference.h"

namespace cobra {
namespace {

SamplingOptions options_from(const Json& args) {
  SamplingOptions o;
  o.temperature = args.value("temperature", 1.0);
  o.top_k = args.value("top_k", 0);
  o.top_p = args.value("top_p", 0.0);
  if (o.top_k == 0) o.min_p = args.value("min_p", 0.0);  // the official code ignores min_p beside top_k
  return o;
}

TEST(Sampler, GivesTheOfficialDistributions) {
  const SafetensorsFile file(testing::reference("sampling.safetensors"));
  const std::vector<float> logits = to_float32(*file.find("logits"), file.path());
  const int64_t V = file.find("logits")->shape[1];
  const Json cases = read_json(testing::reference("sampling.json"))["cases"];
  ASSERT_GE(cases.size(), 10u);
  for (size_t i = 0; i < cases.size(); ++i) {
    const Sampler sampler(options_from(cases[i]["args"]));
    const TensorEntry* official = file.find("probs" + std::to_string(i));
    for (int64_t row = 0; row < 2; ++row) {
      const std::span<const float> scores(logits.data() + row * V, static_cast<size_t>(V));
      EXPECT_EQ(argmax(scores), cases[i]["argmax_result"][static_cast<size_t>(row)].get<int>());
      std::vector<double> p(static_cast<size_t>(V));
      for (const auto& [id, probability] : sampler.distribution(scores, {}))
        p[static_cast<size_t>(id)] = probability;
      if (!official) continue;  // top_k 1: nothing is drawn
      const std::vector<float> expected = to_float32(*official, file.path());
      for (int64_t j = 0; j < V; ++j) {
        EXPECT_NEAR(p[static_cast<size_t>(j)], expected[static_cast<size_t>(row * V + j)], 2e-6)
            << "case " << i << " id " << j;
      }
    }
  }
}

TEST(Sampler, GreedyUnlessAskedOtherwise) {
  EXPECT_TRUE(SamplingOptions{}.is_greedy());
  EXPECT_FALSE((SamplingOptions{.temperature = 0.4}.is_greedy()));
  EXPECT_FALSE((SamplingOptions{.top_p = 0.9}.is_greedy()));
  EXPECT_TRUE((SamplingOptions{.temperature = 0.4, .top_k = 1}.is_greedy()));
}

/// The official code ignores min_p beside top_k (cobra/generate.h).
TEST(Sampler, MinPCountsBesideTopK) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.5f), std::log(0.04f), std::log(0.36f)};
  const auto kept = [&](const SamplingOptions& options) {
    std::vector<int32_t> ids;
    for (const auto& [id, p] : Sampler(options).distribution(logits, {})) ids.push_back(id);
    return ids;
  };
  EXPECT_EQ(kept({.top_k = 3}), (std::vector<int32_t>{1, 3, 0}));
  EXPECT_EQ(kept({.top_k = 3, .min_p = 0.15}), (std::vector<int32_t>{1, 3, 0})) << "0.1 of 0.5 is enough";
  EXPECT_EQ(kept({.top_k = 3, .min_p = 0.25}), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(kept({.top_k = 3, .min_p = 0.9}), (std::vector<int32_t>{1}));
}

TEST(Sampler, SameSeedSameTokens) {
  const std::vector<float> logits = {0, 1, 2, 1, 0, 2};
  Sampler a({.temperature = 1, .seed = 5}), b({.temperature = 1, .seed = 5}),
      c({.temperature = 1, .seed = 6});
  std::vector<int32_t> from_a, from_b, from_c;
  for (int i = 0; i < 50; ++i) {
    from_a.push_back(a.sample(logits, {}));
    from_b.push_back(b.sample(logits, {}));
    from_c.push_back(c.sample(logits, {}));
  }
  EXPECT_EQ(from_a, from_b);
  EXPECT_NE(from_a, from_c);
}

TEST(Sampler, DrawsInProportion) {
  const std::vector<float> logits = {std::log(0.7f), std::log(0.2f), std::log(0.1f)};
  Sampler sampler({.temperature = 1, .seed = 1});
  std::vector<int> counts(3);
  for (int i = 0; i < 20000; ++i) ++counts[static_cast<size_t>(sampler.sample(logits, {}))];
  EXPECT_NEAR(counts[0] / 20000.0, 0.7, 0.015);
  EXPECT_NEAR(counts[2] / 20000.0, 0.1, 0.015);
}

TEST(Sampler, RepetitionPenaltyCountsAnIdOnce) {
  const std::vector<float> logits = {3.0f, 2.9f, -1.0f};
  const std::vector<int32_t> previous = {0, 0, 0, 2};
  Sampler sampler({.repetition_penalty = 1.05});  // 3 / 1.05 = 2.857 < 2.9, once is enough
  EXPECT_EQ(sampler.sample(logits, previous), 1);
  Sampler weak({.repetition_penalty = 1.03});  // 3 / 1.03 = 2.913; twice would be 2.83
  EXPECT_EQ(weak.sample(logits, previous), 0);
}

TEST(Sampler, NotANumberNeverWins) {
  EXPECT_EQ(argmax(std::vector<float>{NAN, -5.0f, NAN, -4.0f}), 3);
  Sampler sampler({.temperature = 1});
  EXPECT_EQ(sampler.sample(std::vector<float>{NAN, -INFINITY, 1.0f, NAN}, {}), 2);
  EXPECT_EQ(sampler.sample(std::vector<float>{NAN, NAN}, {}), argmax(std::vector<float>{NAN, NAN}));
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  EXPECT_THROW(Sampler({.temperature = -1}), Error);
  EXPECT_THROW(Sampler({.temperature = NAN}), Error);
  EXPECT_THROW(Sampler({.top_k = -1}), Error);
  EXPECT_THROW(Sampler({.top_p = 1.5}), Error);
  EXPECT_THROW(Sampler({.min_p = -0.1}), Error);
  EXPECT_THROW(Sampler({.repetition_penalty = 0}), Error);
}

}  // namespace
}  // namespace cobra
