// One update from one or several micro-batches. Source: Cobra's training/strategies/base_strategy.py
// (run_training), with the one-process meaning of gradient accumulation and clipping.
//
//     Trainer trainer(model, recipe);
//     trainer.accumulate(batch_a);
//     trainer.accumulate(batch_b);
//     const StepResult result = trainer.update(learning_rate);
#pragma once

#include <vector>

#include "train/distributed/ranks.h"
#include "train/model/cobra_vlm.h"
#include "train/optim/optimizer.h"

namespace cobra::train {

struct Recipe {
  OptimizerOptions optimizer;
  double max_grad_norm = 1.0;
};

struct StepResult {
  std::vector<double> losses;  // of each of this rank's micro-batches: the mean over its valid tokens
  double loss = 0;             // of all micro-batches of all ranks: the mean over all valid tokens
  int64_t valid_labels = 0;    // of all micro-batches of all ranks
  double grad_norm = 0;        // before clipping
  double clip_coefficient = 1;
};

class Trainer {
 public:
  /// The model must outlive the trainer.
  Trainer(CobraVlm& model, const Recipe& recipe);
  /// One of several ranks, which have the same model and different batches. All make the same updates, those
  /// of one rank that has all batches; each keeps the optimiser's state of its own part of the parameters
  /// (shards.h).
  Trainer(CobraVlm& model, const Recipe& recipe, const Ranks& ranks);

  CobraVlm& model() { return model_; }
  const Ranks& ranks() const { return *ranks_; }
  /// All that learn.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Has this rank's part of them.
  Optimizer& optimizer() { return optimizer_; }
  const Optimizer& optimizer() const { return optimizer_; }

  /// Adds the gradient of loss * (number of valid labels) and returns the loss. A batch without valid labels
  /// adds nothing and has the loss 0. Throws Error for a loss that is not finite.
  double accumulate(const Batch& batch);
  /// Divides by the number of valid labels. Gradients are those of the mean over all micro-batches
  /// afterwards, not yet clipped.
  void finish_gradients();
  /// Clips, updates the parameters and clears the gradients. Calls finish_gradients if nobody did. Where no
  /// micro-batch of any rank has a valid label, nothing changes, the optimiser's state included. Throws Error
  /// for a gradient that is not finite, before any parameter changes.
  StepResult update(double learning_rate);

 private:
  CobraVlm& model_;
  Recipe recipe_;
  Ranks alone_;
  const Ranks* ranks_ = &alone_;
  std::vector<Parameter> parameters_;
  std::vector<int> owners_;  // of parameters_
  Optimizer optimizer_;
  StepResult pending_;  // its loss is a sum until finish_gradients
  bool finished_ = false;

  void sum_over_ranks();
  void share_parameters() const;
};

}  // namespace cobra::train
