// Five updates of the official loop: accumulation of two micro-batches, clipping, schedule, a new order each
// epoch.
#include "train/optim/schedule.h"
#include "train/step/step.h"
#include "train/testing/reference_training.h"

namespace cobra::train::testing {
namespace {

/// Examples padded to the longest, as the official collator does.
Batch collate(const ReferenceTraining& reference, const std::vector<int64_t>& examples,
              const ModelConfig& config) {
  std::vector<Tensor> ids, labels;
  std::vector<int64_t> with_picture;
  Json pictures = Json::array();
  int64_t T = 0;
  for (const int64_t example : examples) {
    T = std::max(T, reference.at(fmt::format("loop.example{}.input_ids", example)).size(0));
  }
  for (size_t row = 0; row < examples.size(); ++row) {
    const std::string name = fmt::format("loop.example{}.", examples[row]);
    const int64_t padding = T - reference.at(name + "input_ids").size(0);
    ids.push_back(torch::constant_pad_nd(reference.at(name + "input_ids"), {0, padding}, 0));
    labels.push_back(torch::constant_pad_nd(reference.at(name + "labels"), {0, padding}, kIgnoredLabel));
    const Json& picture = reference.json()["loop"]["images"][static_cast<size_t>(examples[row])];
    if (!picture.is_string()) continue;
    with_picture.push_back(static_cast<int64_t>(row));
    pictures.push_back(picture);
  }
  return {torch::stack(ids),
          torch::stack(labels),
          torch::tensor(with_picture, torch::kInt64),
          ReferenceTraining::pixels(pictures, config),
          {}};
}

/// The examples of each micro-batch, epochs one after the other.
std::vector<std::vector<int64_t>> micro_batches(const Json& loop) {
  const auto size = loop["per_device_batch_size"].get<size_t>();
  std::vector<std::vector<int64_t>> batches;
  for (const Json& order : loop["index_order_by_epoch"]) {
    for (size_t i = 0; i + size <= order.size(); i += size) {
      batches.emplace_back();
      for (size_t j = 0; j < size; ++j) batches.back().push_back(order[i + j].get<int64_t>());
    }
  }
  return batches;
}

TEST(LoopTest, FiveOfficialSteps) {
  const ReferenceTraining reference;
  const Json& loop = reference.json()["loop"];
  CobraVlm model = reference_vlm();
  std::map<std::string, Tensor> start;
  for (const Parameter& p : model.trainable()) start.emplace(p.name, p.value.detach().clone());
  Trainer trainer(
      model, {.optimizer = {.weight_decay = loop["weight_decay"]}, .max_grad_norm = loop["max_grad_norm"]});
  const Schedule schedule{loop["learning_rate"], loop["total_steps"], loop["warmup_steps"]};
  const auto batches = micro_batches(loop);
  const auto accumulation = loop["grad_accumulation_steps"].get<size_t>();

  for (size_t step = 0; step < loop["steps"].size(); ++step) {
    const Json& expected = loop["steps"][step];
    for (size_t i = 0; i < accumulation; ++i) {
      trainer.accumulate(collate(reference, batches.at(step * accumulation + i), model.config()));
    }
    const double rate = schedule.used(static_cast<int64_t>(step));
    EXPECT_NEAR(rate, expected["lr_used"].get<double>(), 1e-15);
    const StepResult result = trainer.update(rate);
    ASSERT_EQ(result.losses.size(), expected["micro_losses"].size());
    for (size_t i = 0; i < result.losses.size(); ++i) {
      EXPECT_NEAR(result.losses[i], expected["micro_losses"][i].get<double>(), 2e-3) << "step " << step;
    }
    const double norm = expected["grad_norm_before_clip"];
    EXPECT_NEAR(result.grad_norm, norm, 1e-3 * norm) << "step " << step;
  }

  int64_t compared = 0, near = 0;
  for (const auto& [name, wanted] : reference.tensors()) {
    if (!name.starts_with("loop.after.")) continue;
    const std::string parameter = name.substr(std::string("loop.after.").size());
    const Tensor difference = (model.parameters().at(parameter).detach() - wanted).abs();
    compared += difference.numel();
    near += (difference <= 1e-5).sum().item<int64_t>();
    const double movement = (wanted - start.at(parameter)).norm().item<double>();
    EXPECT_LE(difference.norm().item<double>(), 1e-2 * movement) << parameter;
  }
  EXPECT_GT(compared, 0);
  EXPECT_GE(static_cast<double>(near), 0.999 * static_cast<double>(compared));
}

}  // namespace
}  // namespace cobra::train::testing
