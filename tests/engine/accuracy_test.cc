// What each weight type costs against the float32 path: measured, printed and bounded. The reference model's
// random weights are a hard case: nothing in them is redundant, and quantising is all noise.
#include <gtest/gtest.h>

#include <cmath>

#include "cobra/session.h"
#include "compare.h"
#include "engine/reference_model.h"
#include "runtime/sampler.h"

namespace cobra::testing {
namespace {

struct Bound {
  DType type;
  double relative_error;  // of the logits: root mean square of the difference over that of the logits
  double kl_divergence;   // mean over positions, in nats
  double agreement;       // share of positions with the same greedy token
  bool w8a8 = false;      // prompts too are read with activations in 8 bits

  std::string name() const { return std::string(cobra::name(type)) + (w8a8 ? "_w8a8" : ""); }
};

/// Logits at every position, read as prompt or step by step (decode kernels).
std::vector<float> logits_of(const Model& model, const std::vector<int32_t>& ids, bool stepwise) {
  Session session(model);
  std::vector<float> all;
  for (const int32_t id : ids) {
    if (stepwise) {
      session.step(id);
    } else {
      session.read_tokens(std::span(&id, 1));
    }
    all.insert(all.end(), session.logits().begin(), session.logits().end());
  }
  return all;
}

double root_mean_square(const std::vector<float>& v) {
  double sum = 0;
  for (const float x : v) sum += double{x} * x;
  return std::sqrt(sum / static_cast<double>(v.size()));
}

/// KL(p || q) of two rows of logits.
double kl_divergence(std::span<const float> p, std::span<const float> q) {
  const auto log_sum = [](std::span<const float> v) {
    double largest = v[0], sum = 0;
    for (const float x : v) largest = std::max(largest, double{x});
    for (const float x : v) sum += std::exp(x - largest);
    return largest + std::log(sum);
  };
  const double log_p = log_sum(p), log_q = log_sum(q);
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += std::exp(p[i] - log_p) * ((p[i] - log_p) - (q[i] - log_q));
  return sum;
}

class AccuracyTest : public ::testing::TestWithParam<Bound> {};

TEST_P(AccuracyTest, AgainstFloat32) {
  const Bound bound = GetParam();
  const Model exact = reference_model(Runtime({.isa = "reference"})),
              fast = reference_model(Runtime({.numerics = {.w8a8 = bound.w8a8}}), bound.type);
  const ReferenceTensors file("mamba.safetensors");
  const auto vocabulary = static_cast<size_t>(exact.config().mamba.vocab_size);
  for (const bool stepwise : {false, true}) {
    double kl = 0, same = 0, positions = 0;
    std::vector<float> difference, all;
    for (int64_t b = 0; b < file.shape("token_ids")[0]; ++b) {
      const std::vector<float> p = logits_of(exact, file.ids("token_ids", b), stepwise);
      const std::vector<float> q = logits_of(fast, file.ids("token_ids", b), stepwise);
      for (size_t i = 0; i < p.size(); ++i) difference.push_back(p[i] - q[i]);
      all.insert(all.end(), p.begin(), p.end());
      for (size_t at = 0; at < p.size(); at += vocabulary, ++positions) {
        const std::span<const float> row_p(p.data() + at, vocabulary), row_q(q.data() + at, vocabulary);
        kl += kl_divergence(row_p, row_q);
        same += argmax(row_p) == argmax(row_q);
      }
    }
    const double relative = root_mean_square(difference) / root_mean_square(all);
    std::printf("%-9s %-7s relative error %.2e  KL %.2e nats  greedy agreement %.1f %%\n",
                bound.name().c_str(), stepwise ? "decode" : "prefill", relative, kl / positions,
                100 * same / positions);
    EXPECT_LE(relative, bound.relative_error);
    EXPECT_LE(kl / positions, bound.kl_divergence);
    EXPECT_GE(same / positions, bound.agreement);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Types, AccuracyTest,
    ::testing::Values(Bound{DType::f32, 2e-6, 1e-9, 1.0}, Bound{DType::f16, 2e-3, 1e-4, 0.98},
                      Bound{DType::bf16, 2e-2, 5e-3, 0.95}, Bound{DType::q8_0, 7e-2, 2e-2, 0.85},
                      Bound{DType::q8_0, 8e-2, 2e-2, 0.85, true}, Bound{DType::q4_0, 0.45, 1.2, 0.4},
                      Bound{DType::q4_0, 0.45, 1.2, 0.4, true}),
    [](const auto& test) { return test.param.name(); });

}  // namespace
}  // namespace cobra::testing
