#include "train/step/step.h"

#include <cmath>
#include <utility>

#include "base/fail.h"
#include "train/distributed/shards.h"
#include "train/optim/gradients.h"

namespace cobra::train {

Trainer::Trainer(CobraVlm& model, const Recipe& recipe)
    : model_(model),
      recipe_(recipe),
      parameters_(model.trainable()),
      owners_(parameters_.size(), 0),
      optimizer_(parameters_, recipe.optimizer) {}

Trainer::Trainer(CobraVlm& model, const Recipe& recipe, const Ranks& ranks)
    : model_(model),
      recipe_(recipe),
      ranks_(&ranks),
      parameters_(model.trainable()),
      owners_(shard_owners(parameters_, ranks.count())),
      optimizer_(owned_by(parameters_, ranks.count(), ranks.rank()), recipe.optimizer) {}

double Trainer::accumulate(const Batch& batch) {
  const int64_t valid = batch.valid_labels();
  finished_ = false;
  if (valid == 0) return pending_.losses.emplace_back(0);  // the mean over nothing would be 0 / 0
  const Tensor loss = model_.loss(batch);
  const double value = loss.item<double>();
  check(std::isfinite(value), "the loss is {}: expected a finite number", value);
  check(loss.requires_grad(),
        "the batch teaches nothing: it has no pictures, and only the projector is trained");
  (loss * static_cast<double>(valid)).backward();
  pending_.losses.push_back(value);
  pending_.loss += value * static_cast<double>(valid);
  pending_.valid_labels += valid;
  return value;
}

/// Gradients, loss and counts become those of all ranks. A gradient that only some ranks have is zero
/// elsewhere.
void Trainer::sum_over_ranks() {
  if (ranks_->count() == 1) return;
  std::vector<double> sums{pending_.loss, static_cast<double>(pending_.valid_labels)};
  for (const Parameter& parameter : parameters_) sums.push_back(parameter.value.grad().defined() ? 1 : 0);
  ranks_->sum(sums);
  pending_.loss = sums[0];
  pending_.valid_labels = std::llround(sums[1]);
  std::vector<Tensor> gradients;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (sums[2 + i] == 0) continue;
    Tensor value = parameters_[i].value;
    if (!value.grad().defined()) value.mutable_grad() = torch::zeros_like(value);
    gradients.push_back(value.grad());
  }
  ranks_->sum(gradients);
}

void Trainer::share_parameters() const {
  for (int rank = 0; rank < ranks_->count() && ranks_->count() > 1; ++rank) {
    std::vector<Tensor> owned;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (owners_[i] == rank) owned.push_back(parameters_[i].value.detach());
    }
    ranks_->broadcast(owned, rank);
  }
}

void Trainer::finish_gradients() {
  check(!pending_.losses.empty(), "an update needs at least one micro-batch");
  sum_over_ranks();
  finished_ = true;
  if (pending_.valid_labels == 0) return;
  pending_.loss /= static_cast<double>(pending_.valid_labels);
  scale_gradients(parameters_, 1 / static_cast<double>(pending_.valid_labels));
  pending_.grad_norm = gradient_norm(parameters_);
}

StepResult Trainer::update(double learning_rate) {
  if (!finished_) finish_gradients();
  finished_ = false;
  if (pending_.valid_labels == 0) return std::exchange(pending_, {});
  check(std::isfinite(pending_.grad_norm), "the gradient's norm is {}: expected a finite number",
        pending_.grad_norm);
  pending_.clip_coefficient = clip_coefficient(pending_.grad_norm, recipe_.max_grad_norm);
  if (pending_.clip_coefficient < 1) scale_gradients(parameters_, pending_.clip_coefficient);
  optimizer_.step(learning_rate);
  share_parameters();
  zero_gradients(parameters_);
  return std::exchange(pending_, {});
}

}  // namespace cobra::train
