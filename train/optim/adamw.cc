#include "train/optim/adamw.h"

#include <cmath>

#include "train/optim/groups.h"

namespace cobra::train {

AdamW::AdamW(std::vector<Parameter> parameters, const AdamWOptions& options)
    : options_(options), parameters_(std::move(parameters)) {
  for (const Parameter& parameter : parameters_) {
    const Tensor value = parameter.value.detach();
    moments_.push_back({torch::zeros_like(value), torch::zeros_like(value), 0});
  }
}

void AdamW::step(double learning_rate) {
  const NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    if (!parameter.value.grad().defined()) continue;
    const double decay = decays(parameter) ? options_.weight_decay : 0;
    update(parameter.value, parameter.value.grad(), moments_[i], learning_rate, decay);
  }
}

void AdamW::update(Tensor value, const Tensor& gradient, Moments& m, double learning_rate,
                   double weight_decay) const {
  const double steps = static_cast<double>(++m.steps);
  const double correction1 = 1 - std::pow(options_.beta1, steps),
               correction2 = 1 - std::pow(options_.beta2, steps);
  value.mul_(1 - learning_rate * weight_decay);
  m.exp_avg.mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
  m.exp_avg_sq.mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
  const Tensor denominator = (m.exp_avg_sq.sqrt() / std::sqrt(correction2)).add_(options_.epsilon);
  value.addcdiv_(m.exp_avg, denominator, -learning_rate / correction1);
}

}  // namespace cobra::train
