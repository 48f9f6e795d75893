#include "train/optim/optimizer.h"

#include <cmath>

#include "base/fail.h"
#include "train/optim/groups.h"
#include "train/optim/muon.h"

namespace cobra::train {
namespace {

/// One update of AdamW (arXiv 1711.05101), behind its decay, as torch.optim computes it, operation by
/// operation.
void adamw_update(Tensor value, Moments& m, double learning_rate, const OptimizerOptions& options) {
  const Tensor& gradient = value.grad();
  const double steps = static_cast<double>(m.steps);
  const double correction1 = 1 - std::pow(options.beta1, steps),
               correction2 = 1 - std::pow(options.beta2, steps);
  m.exp_avg.mul_(options.beta1).add_(gradient, 1 - options.beta1);
  m.exp_avg_sq.mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
  const Tensor denominator = (m.exp_avg_sq.sqrt() / std::sqrt(correction2)).add_(options.epsilon);
  value.addcdiv_(m.exp_avg, denominator, -learning_rate / correction1);
}

}  // namespace

OptimizerKind parse_optimizer(std::string_view text) {
  if (text == "adamw") return OptimizerKind::adamw;
  if (text == "muon") return OptimizerKind::muon;
  fail("optimizer '{}' is unknown: expected adamw or muon", printable(text));
}

Optimizer::Optimizer(std::vector<Parameter> parameters, const OptimizerOptions& options)
    : options_(options), parameters_(std::move(parameters)) {
  for (const Parameter& parameter : parameters_) {
    const Tensor value = parameter.value.detach();
    moments_.push_back({torch::zeros_like(value), torch::zeros_like(value), 0});
  }
}

void Optimizer::step(double learning_rate) {
  const NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    if (!parameter.value.grad().defined()) continue;
    Tensor value = parameter.value;
    Moments& moments = moments_[i];
    ++moments.steps;
    value.mul_(1 - learning_rate * (decays(parameter) ? options_.weight_decay : 0));
    if (options_.kind == OptimizerKind::muon && is_hidden_matrix(parameter)) {
      muon_update(value, moments.exp_avg, learning_rate);
    } else {
      adamw_update(value, moments, learning_rate, options_);
    }
  }
}

}  // namespace cobra::train
