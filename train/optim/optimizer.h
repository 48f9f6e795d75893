// The rule that turns gradients into updates: AdamW for every parameter, as the official code has it, or Muon
// for hidden matrices and AdamW for the rest. Why not libtorch's AdamW: its state is reached through keys
// that change between versions, while checkpoints and sharding need it by parameter.
#pragma once

#include <string_view>
#include <vector>

#include "train/model/parameters.h"

namespace cobra::train {

enum class OptimizerKind { adamw, muon };

/// "adamw" or "muon"; throws Error otherwise.
OptimizerKind parse_optimizer(std::string_view text);

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::adamw;
  double weight_decay = 0.1;  // of the parameters that decay (groups.h)
  double beta1 = 0.9;         // these three of AdamW
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

/// Moments of one parameter; `steps` counts the updates it had. Muon leaves exp_avg_sq as it is: both rules
/// have the same state, so that checkpoints have one form.
struct Moments {
  Tensor exp_avg, exp_avg_sq;  // zeros until the first update
  int64_t steps = 0;
};

class Optimizer {
 public:
  Optimizer(std::vector<Parameter> parameters, const OptimizerOptions& options);

  /// Updates every parameter that has a gradient.
  void step(double learning_rate);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// In the order of parameters(); for checkpoints.
  std::vector<Moments>& moments() { return moments_; }
  const std::vector<Moments>& moments() const { return moments_; }

 private:
  OptimizerOptions options_;
  std::vector<Parameter> parameters_;
  std::vector<Moments> moments_;
};

}  // namespace cobra::train
