// Losses, gradients and one update against the official code.
#include "train/step/step.h"

#include <set>

#include "train/optim/gradients.h"
#include "train/optim/groups.h"
#include "train/testing/reference_training.h"

namespace cobra::train::testing {
namespace {

constexpr double kLossBound = 6e-6;      // order of summation; the official code agrees with itself to 6e-7
constexpr double kGradientBound = 1e-4;  // relative to a tensor's largest entry; 8e-6 there

class StepTest : public ::testing::Test {
 protected:
  ReferenceTraining reference_;
  double expected_loss(const std::string& batch) const {
    return reference_.at(batch + ".loss").item<double>();
  }
};

TEST_F(StepTest, LossesOfAllKindsOfBatches) {
  const CobraVlm model = reference_vlm();
  for (const std::string name : {"mixed", "multimodal", "text"}) {
    const Batch batch = reference_.batch(name, model.config());
    check_batch(batch, model.config().mamba.vocab_size);
    const double expected = expected_loss(name);
    EXPECT_NEAR(model.loss(batch).item<double>(), expected, kLossBound * expected) << name;
    EXPECT_EQ(batch.valid_labels(), reference_.json()[name]["num_valid_labels"].get<int64_t>()) << name;
  }
}

TEST_F(StepTest, RowsWithPicturesComeFirst) {
  const CobraVlm model = reference_vlm();
  const NoGradGuard no_grad;
  const FusedBatch fused = model.fuse(reference_.batch("mixed", model.config()));
  EXPECT_TRUE(torch::equal(fused.rows, reference_.at("mixed.logits_row_order")));
  const Tensor logits = model.logits(fused);
  EXPECT_LE(relative_error(logits[0], reference_.at("mixed.logits_first_row")), 1e-5);
  EXPECT_LE(relative_error(logits[-1], reference_.at("mixed.logits_last_row")), 1e-5);
}

TEST_F(StepTest, GradientsAndOneUpdate) {
  CobraVlm model = reference_vlm();
  const Json& adamw = reference_.json()["adamw"];
  const double rate = adamw["lr"], decay = adamw["weight_decay_by_group"][0];
  Trainer trainer(model, {.optimizer = {.weight_decay = decay}, .max_grad_norm = 1.0});
  trainer.accumulate(reference_.batch("mixed", model.config()));
  trainer.finish_gradients();
  const Json& expected = reference_.json()["mixed"];
  std::map<std::string, Tensor> before;
  for (const Parameter& parameter : model.trainable()) {
    const Tensor& gradient = parameter.value.grad();
    ASSERT_TRUE(gradient.defined()) << parameter.name;
    const double norm = expected["grad_norm_per_parameter"][parameter.name].get<double>();
    EXPECT_NEAR(gradient.norm().item<double>(), norm, kGradientBound * norm) << parameter.name;
    const std::string name = "mixed.grad." + parameter.name;
    if (reference_.tensors().contains(name)) {
      EXPECT_LE(relative_error(gradient, reference_.at(name)), kGradientBound) << name;
    }
    before.emplace(parameter.name, parameter.value.detach().clone());
  }
  const double norm = gradient_norm(model.trainable());
  EXPECT_NEAR(norm, expected["grad_global_norm"].get<double>(), 1e-5 * norm);

  const StepResult result = trainer.update(rate);
  EXPECT_NEAR(result.clip_coefficient, expected["clip"]["coefficient"].get<double>(), 1e-6);
  const auto& parameters = trainer.optimizer().parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].name;
    const Tensor after = parameters[i].value.detach(), &start = before.at(name);
    if (reference_.tensors().contains("mixed.after_step." + name)) {
      const Tensor& wanted = reference_.at("mixed.after_step." + name);
      // An entry whose gradient is rounding noise may move the other way, at most by two steps.
      EXPECT_LE((after - wanted).abs().max().item<double>(), 2.05 * rate) << name;
      EXPECT_LE(((after - start) - (wanted - start)).norm().item<double>(),
                1e-2 * (wanted - start).norm().item<double>())
          << name;
    }
    if (reference_.tensors().contains("mixed.exp_avg." + name)) {
      const Moments& moments = trainer.optimizer().moments()[i];
      EXPECT_LE(relative_error(moments.exp_avg, reference_.at("mixed.exp_avg." + name)), kGradientBound)
          << name;
      EXPECT_LE(relative_error(moments.exp_avg_sq, reference_.at("mixed.exp_avg_sq." + name)),
                2 * kGradientBound)
          << name;
    }
  }
}

TEST_F(StepTest, DecayGroupsAreTheOfficialOnes) {
  const CobraVlm model = reference_vlm();
  std::set<std::string> decayed, kept;
  for (const Parameter& parameter : model.trainable())
    (decays(parameter) ? decayed : kept).insert(parameter.name);
  EXPECT_EQ(decayed, reference_.json()["decay_group"].get<std::set<std::string>>());
  EXPECT_EQ(kept, reference_.json()["no_decay_group"].get<std::set<std::string>>());
}

TEST_F(StepTest, AlignmentTrainsTheProjectorAlone) {
  CobraVlm model = reference_vlm({.stage = Stage::align});
  Trainer trainer(model, {});
  const double loss = trainer.accumulate(reference_.batch("multimodal", model.config()));
  trainer.finish_gradients();
  const Json& align = reference_.json()["align"];
  EXPECT_NEAR(loss, align["loss"].get<double>(), kLossBound * loss);
  std::set<std::string> names;
  for (const Parameter& parameter : model.parameters().list()) {
    if (!parameter.value.grad().defined()) continue;
    names.insert(parameter.name);
    const double norm = align["grad_norms"][parameter.name].get<double>();
    EXPECT_NEAR(parameter.value.grad().norm().item<double>(), norm, kGradientBound * norm) << parameter.name;
    const std::string expected = "align.grad." + parameter.name;
    if (!reference_.tensors().contains(expected)) continue;
    EXPECT_LE(relative_error(parameter.value.grad(), reference_.at(expected)), kGradientBound)
        << parameter.name;
  }
  EXPECT_EQ(names, align["trainable"].get<std::set<std::string>>());
  EXPECT_THROW(trainer.accumulate(reference_.batch("text", model.config())), Error);
}

TEST_F(StepTest, ABatchWithoutLabelsAddsNothing) {
  CobraVlm model = reference_vlm();
  Trainer trainer(model, {});
  Batch nothing = reference_.batch("mixed", model.config());
  nothing.labels = torch::full_like(nothing.labels, kIgnoredLabel);
  std::map<std::string, Tensor> before;
  for (const Parameter& p : trainer.parameters()) before.emplace(p.name, p.value.detach().clone());

  EXPECT_EQ(trainer.accumulate(nothing), 0);
  const StepResult alone = trainer.update(1e-2);
  EXPECT_EQ(alone.loss, 0);
  EXPECT_EQ(alone.valid_labels, 0);
  EXPECT_EQ(alone.grad_norm, 0);
  for (const Parameter& p : trainer.parameters()) EXPECT_TRUE(torch::equal(p.value, before.at(p.name)));
  for (const Moments& moments : trainer.optimizer().moments()) EXPECT_EQ(moments.steps, 0);

  trainer.accumulate(nothing);
  trainer.accumulate(reference_.batch("mixed", model.config()));
  trainer.accumulate(nothing);
  const StepResult together = trainer.update(0);
  const Json& expected = reference_.json()["mixed"];
  EXPECT_NEAR(together.loss, expected_loss("mixed"), kLossBound * together.loss);
  EXPECT_EQ(together.valid_labels, expected["num_valid_labels"].get<int64_t>());
  EXPECT_NEAR(together.grad_norm, expected["grad_global_norm"].get<double>(), 1e-5 * together.grad_norm);
  EXPECT_THROW(trainer.update(0), Error);  // without a micro-batch
}

}  // namespace
}  // namespace cobra::train::testing
