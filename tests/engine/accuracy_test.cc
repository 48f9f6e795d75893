// What each weight type costs against the float32 path: measured, printed and bounded, on the reference
// model, whose random weights are a hard case (nothing in them is redundant, and quantising is all noise),
// and on the trained model that ships.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "cobra/session.h"
#include "compare.h"
#include "engine/reference_model.h"
#include "model/quantize.h"
#include "runtime/sampler.h"

namespace cobra::testing {
namespace {

struct Bound {
  DType type;
  double relative_error;  // of the logits: root mean square of the difference over that of the logits
  double kl_divergence;   // mean over positions, in nats
  double agreement;       // share of positions with the same greedy token
  bool w8a8 = false;      // prompts too are read with activations in 8 bits

  friend void PrintTo(const Bound& bound, std::ostream* out) { *out << bound.name(); }
  std::string name() const { return std::string(cobra::name(type)) + (w8a8 ? "_w8a8" : ""); }
};

/// Logits at every position, read as prompt or step by step (decode kernels).
std::vector<float> logits_of(Session session, const std::vector<int32_t>& ids, bool stepwise) {
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

/// How far a model's logits are from the exact ones, over all positions that are added.
class Distance {
 public:
  explicit Distance(int vocabulary) : vocabulary_(static_cast<size_t>(vocabulary)) {}

  void add(const std::vector<float>& p, const std::vector<float>& q) {
    for (size_t i = 0; i < p.size(); ++i) difference_.push_back(p[i] - q[i]);
    exact_.insert(exact_.end(), p.begin(), p.end());
    for (size_t at = 0; at < p.size(); at += vocabulary_, ++positions_) {
      const std::span<const float> row_p(p.data() + at, vocabulary_), row_q(q.data() + at, vocabulary_);
      kl_ += kl_divergence(row_p, row_q);
      same_ += argmax(row_p) == argmax(row_q);
    }
  }
  void print_and_expect(const Bound& bound, const char* phase) const {
    const double relative = root_mean_square(difference_) / root_mean_square(exact_);
    std::printf("%-9s %-7s relative error %.2e  KL %.2e nats  greedy agreement %.1f %%\n",
                bound.name().c_str(), phase, relative, kl_ / positions_, 100 * same_ / positions_);
    EXPECT_LE(relative, bound.relative_error);
    EXPECT_LE(kl_ / positions_, bound.kl_divergence);
    EXPECT_GE(same_ / positions_, bound.agreement);
  }

 private:
  size_t vocabulary_;
  std::vector<float> difference_, exact_;
  double kl_ = 0, same_ = 0, positions_ = 0;
};

Runtime fast_runtime(const Bound& bound) { return Runtime({.numerics = {.w8a8 = bound.w8a8}}); }

class AccuracyTest : public ::testing::TestWithParam<Bound> {};

TEST_P(AccuracyTest, AgainstFloat32) {
  const Bound bound = GetParam();
  const Model exact = reference_model(Runtime({.isa = "reference"})),
              fast = reference_model(fast_runtime(bound), bound.type);
  const ReferenceTensors file("mamba.safetensors");
  for (const bool stepwise : {false, true}) {
    Distance distance(exact.config().mamba.vocab_size);
    for (int64_t b = 0; b < file.shape("token_ids")[0]; ++b) {
      const std::vector<int32_t> ids = file.ids("token_ids", b);
      distance.add(logits_of(Session(exact), ids, stepwise), logits_of(Session(fast), ids, stepwise));
    }
    distance.print_and_expect(bound, stepwise ? "decode" : "prefill");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Types, AccuracyTest,
    ::testing::Values(Bound{DType::f32, 2e-6, 1e-9, 1.0}, Bound{DType::f16, 2e-3, 1e-4, 0.98},
                      Bound{DType::bf16, 2e-2, 5e-3, 0.95}, Bound{DType::q8_0, 7e-2, 2e-2, 0.85},
                      Bound{DType::q8_0, 8e-2, 2e-2, 0.85, true}, Bound{DType::q4_0, 0.45, 1.2, 0.4},
                      Bound{DType::q4_0, 0.45, 1.2, 0.4, true}),
    [](const auto& test) { return test.param.name(); });

Model trained_model(DType type, const Runtime& runtime) {
  const std::string path = scratch_folder() / fmt::format("trained-{}.gguf", cobra::name(type));
  quantize(
      {.input = COBRA_SOURCE_DIR "/models/cobra-tiny.gguf", .type = type, .output = path, .progress = {}});
  return Model::load(path, runtime);
}

/// After each token of some questions about a picture.
std::vector<std::vector<float>> answers_of(const Model& model, bool stepwise) {
  Session seen(model);
  seen.read_embeddings(model.embed(Image::load(COBRA_SOURCE_DIR "/docs/images/scene.png")).view());
  std::vector<std::vector<float>> logits;
  for (const char* question :
       {"What is in the picture?", "How many objects are there?", "Is there a red star in the image?",
        "What shape is the red object?", "Where are the objects?"}) {
    logits.push_back(logits_of(seen.fork(), model.encode_question(question), stepwise));
  }
  return logits;
}

/// Its eight-bit weights are exact in float32; what is measured is what other types and the fast paths make
/// of those.
TEST(TrainedAccuracyTest, AgainstFloat32) {
  const Bound bounds[] = {{DType::f32, 5e-6, 1e-9, 1.0},   {DType::bf16, 1e-2, 1e-3, 0.95},
                          {DType::q8_0, 3e-2, 3e-3, 0.95}, {DType::q8_0, 3e-2, 3e-3, 0.95, true},
                          {DType::q4_k, 0.15, 0.1, 0.8},   {DType::q4_0, 0.15, 0.1, 0.7}};
  const Model exact = trained_model(DType::f32, Runtime({.isa = "reference"}));
  for (const bool stepwise : {false, true}) {
    const std::vector<std::vector<float>> expected = answers_of(exact, stepwise);
    for (const Bound& bound : bounds) {
      const std::vector<std::vector<float>> found =
          answers_of(trained_model(bound.type, fast_runtime(bound)), stepwise);
      Distance distance(exact.config().mamba.vocab_size);
      for (size_t i = 0; i < expected.size(); ++i) distance.add(expected[i], found[i]);
      distance.print_and_expect(bound, stepwise ? "decode" : "prefill");
    }
  }
}

}  // namespace
}  // namespace cobra::testing
