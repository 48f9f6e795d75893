#include "train/optim/muon.h"

#include <gtest/gtest.h>

#include <set>

#include "cobra/error.h"
#include "train/optim/optimizer.h"
#include "train/testing/reference_training.h"

namespace cobra::train {
namespace {

Tensor random_matrix(int64_t rows, int64_t columns) {
  torch::manual_seed(3);
  return torch::randn({rows, columns});
}

/// A parameter with a gradient.
Parameter made(const std::string& name, const Tensor& value, const Tensor& gradient) {
  Parameter parameter;
  parameter.name = name;
  parameter.value = value.clone().set_requires_grad(true);
  parameter.value.mutable_grad() = gradient.clone();
  return parameter;
}

TEST(MuonTest, EveryDirectionBecomesAboutAsLarge) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{48, 96}, {96, 48}, {64, 64}, {1, 8}}) {
    const Tensor values = torch::linalg_svdvals(orthogonalized(random_matrix(rows, columns)));
    EXPECT_LT(values.max().item<float>(), 1.25) << rows << " x " << columns;
    // A square random matrix has directions that are nearly 0 and stay so.
    EXPECT_GT(values.quantile(0.1).item<float>(), 0.6) << rows << " x " << columns;
  }
}

TEST(MuonTest, DirectionsStayWhatTheyAre) {
  const auto [u, s, v] = torch::linalg_svd(random_matrix(20, 30), false);
  const Tensor nearest = torch::matmul(u, v);
  const Tensor found = orthogonalized(torch::matmul(u * s, v));
  const double cosine = ((found * nearest).sum() / (found.norm() * nearest.norm())).item<double>();
  EXPECT_GT(cosine, 0.97);
  EXPECT_TRUE(torch::equal(orthogonalized(torch::zeros({3, 4})), torch::zeros({3, 4})));
}

TEST(MuonTest, AnUpdateHasItsSizeWhateverTheGradientHas) {
  for (const double scale : {1e-6, 1.0, 1e6}) {
    const Tensor value = random_matrix(64, 256), gradient = random_matrix(64, 256) * scale;
    const Parameter parameter = made("blocks.0.mlp.fc1.weight", value, gradient);
    Optimizer optimizer({parameter}, {.kind = OptimizerKind::muon, .weight_decay = 0});
    optimizer.step(1e-2);
    const Tensor change = parameter.value.detach() - value;
    EXPECT_NEAR(change.square().mean().sqrt().item<double>(), 0.3 * 1e-2, 0.1 * 1e-2) << scale;
    EXPECT_LT((change * gradient).sum().item<double>(), 0) << scale;
  }
}

TEST(MuonTest, SingularValuesAreThoseOfTheContract) {
  const auto [u, s, v] = torch::linalg_svd(random_matrix(40, 40), false);
  // Frobenius norm 1 in all, the smallest a 650th of it.
  const Tensor values = torch::linspace(0.2, 1.0 / 650, 40);
  const Tensor scaled = values / values.norm();
  const Tensor wanted = torch::where(scaled < 1.0 / 650, torch::full_like(scaled, 1.0 / 650), scaled);
  const Tensor found = torch::linalg_svdvals(orthogonalized(torch::matmul(u * wanted, v)));
  EXPECT_GT(found.min().item<float>(), 0.67);
  EXPECT_LT(found.max().item<float>(), 1.21);
}

/// A batch without pictures has nothing to say to the towers, and stale momentum must not speak for it.
TEST(MuonTest, WeightsOnlyDecayWithoutAGradient) {
  const Tensor value = random_matrix(8, 8);
  const Parameter parameter = made("mixer.in_proj.weight", value, torch::zeros({8, 8}));
  Optimizer optimizer({parameter}, {.kind = OptimizerKind::muon, .weight_decay = 0.5});
  optimizer.step(0.1);
  EXPECT_TRUE(torch::allclose(parameter.value.detach(), value * 0.95));
  Tensor gradient = parameter.value.grad();
  gradient.fill_(1);
  optimizer.step(0.1);
  EXPECT_NEAR(optimizer.moments()[0].exp_avg[0][0].item<double>(), 0.05, 1e-6);
  gradient.zero_();
  const Tensor before = parameter.value.detach().clone();
  optimizer.step(0.1);
  EXPECT_TRUE(torch::allclose(parameter.value.detach(), before * 0.95));
  EXPECT_EQ(optimizer.moments()[0].steps, 3);
}

TEST(MuonTest, WhatIsNoHiddenMatrixIsAdamWs) {
  const Tensor value = random_matrix(6, 4), gradient = random_matrix(6, 4);
  for (const char* name : {"backbone.embedding.weight", "lm_head.weight", "mixer.A_log"}) {
    const Parameter one = made(name, value, gradient), other = made(name, value, gradient);
    Optimizer({one}, {.kind = OptimizerKind::muon}).step(1e-3);
    Optimizer({other}, {.kind = OptimizerKind::adamw}).step(1e-3);
    EXPECT_TRUE(torch::equal(one.value, other.value)) << name;
  }
  const Parameter convolution = made("mixer.conv1d.weight", torch::ones({4, 1, 4}), torch::ones({4, 1, 4}));
  EXPECT_FALSE(is_hidden_matrix(convolution));
}

TEST(MuonTest, HiddenMatricesOfAModel) {
  std::set<std::string> kinds;
  const CobraVlm model = testing::reference_vlm();
  for (const Parameter& parameter : model.parameters().list()) {
    if (!is_hidden_matrix(parameter)) continue;
    const size_t end = parameter.name.rfind(".weight"), start = parameter.name.rfind('.', end - 1);
    const std::string kind = parameter.name.substr(start + 1, end - start - 1);
    kinds.insert(parameter.part == Part::projector ? "projector" : kind);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"qkv", "proj", "fc1", "fc2", "projector", "in_proj", "x_proj",
                                          "dt_proj", "out_proj"}));
}

TEST(MuonTest, OnlyTwoOptimizersAreKnown) {
  EXPECT_EQ(parse_optimizer("muon"), OptimizerKind::muon);
  EXPECT_THROW(parse_optimizer("lion"), Error);
}

}  // namespace
}  // namespace cobra::train
