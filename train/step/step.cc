#include "train/step/step.h"

#include <cmath>
#include <utility>

#include "base/fail.h"
#include "train/optim/gradients.h"

namespace cobra::train {

Trainer::Trainer(CobraVlm& model, const Recipe& recipe)
    : model_(model), recipe_(recipe), optimizer_(model.trainable(), recipe.adamw) {}

double Trainer::accumulate(const Batch& batch) {
  const Tensor loss = model_.loss(batch);
  const double value = loss.item<double>();
  check(std::isfinite(value), "the loss is {}: expected a finite number", value);
  check(loss.requires_grad(),
        "the batch teaches nothing: it has no pictures, and only the projector is trained");
  const int64_t valid = batch.valid_labels();
  (loss * static_cast<double>(valid)).backward();
  pending_.losses.push_back(value);
  pending_.valid_labels += valid;
  finished_ = false;
  return value;
}

void Trainer::finish_gradients() {
  check(pending_.valid_labels > 0, "an update needs at least one micro-batch");
  scale_gradients(optimizer_.parameters(), 1 / static_cast<double>(pending_.valid_labels));
  pending_.grad_norm = gradient_norm(optimizer_.parameters());
  finished_ = true;
}

StepResult Trainer::update(double learning_rate) {
  if (!finished_) finish_gradients();
  check(std::isfinite(pending_.grad_norm), "the gradient's norm is {}: expected a finite number",
        pending_.grad_norm);
  pending_.clip_coefficient = clip_coefficient(pending_.grad_norm, recipe_.max_grad_norm);
  if (pending_.clip_coefficient < 1) scale_gradients(optimizer_.parameters(), pending_.clip_coefficient);
  optimizer_.step(learning_rate);
  zero_gradients(optimizer_.parameters());
  finished_ = false;
  return std::exchange(pending_, {});
}

}  // namespace cobra::train
