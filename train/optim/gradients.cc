#include "train/optim/gradients.h"

#include <algorithm>
#include <cmath>

namespace cobra::train {

void zero_gradients(const std::vector<Parameter>& parameters) {
  for (const Parameter& parameter : parameters) {
    Tensor gradient = parameter.value.grad();
    if (gradient.defined()) gradient.zero_();
  }
}

void scale_gradients(const std::vector<Parameter>& parameters, double factor) {
  for (const Parameter& parameter : parameters) {
    Tensor gradient = parameter.value.grad();
    if (gradient.defined()) gradient.mul_(factor);
  }
}

double gradient_norm(const std::vector<Parameter>& parameters) {
  double sum = 0;
  for (const Parameter& parameter : parameters) {
    const Tensor& gradient = parameter.value.grad();
    if (!gradient.defined()) continue;
    const double norm = gradient.norm().item<double>();
    sum += norm * norm;
  }
  return std::sqrt(sum);
}

double clip_coefficient(double norm, double max_norm) {
  const double coefficient = max_norm / (norm + 1e-6);
  return coefficient < 1 ? coefficient : 1;
}

}  // namespace cobra::train
