// AdamW (arXiv 1711.05101) as torch.optim computes it, operation by operation. Why not libtorch's: its state
// is reached through keys that change between versions, while checkpoints and sharding need it by parameter.
#pragma once

#include <vector>

#include "train/model/parameters.h"

namespace cobra::train {

struct AdamWOptions {
  double weight_decay = 0.1;  // of the parameters that decay (groups.h)
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

/// Moments of one parameter; `steps` counts the updates it had.
struct Moments {
  Tensor exp_avg, exp_avg_sq;  // zeros until the first update
  int64_t steps = 0;
};

class AdamW {
 public:
  AdamW(std::vector<Parameter> parameters, const AdamWOptions& options);

  /// Updates every parameter that has a gradient.
  void step(double learning_rate);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// In the order of parameters(); for checkpoints.
  std::vector<Moments>& moments() { return moments_; }
  const std::vector<Moments>& moments() const { return moments_; }

 private:
  AdamWOptions options_;
  std::vector<Parameter> parameters_;
  std::vector<Moments> moments_;
  void update(Tensor value, const Tensor& gradient, Moments& moments, double learning_rate,
              double weight_decay) const;
};

}  // namespace cobra::train
