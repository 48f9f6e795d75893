#include "train/model/projector.h"

#include <cmath>

#include "base/fail.h"
#include "lm/projector.h"

namespace cobra::train {
namespace {

/// [B, P, C] on a square grid -> [B, C, side, side].
Tensor to_grid(const Tensor& x) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(x.size(1)))));
  check(side * side == x.size(1), "an LDP projector needs a square grid of patches, found {} patches",
        x.size(1));
  return x.transpose(1, 2).reshape({x.size(0), x.size(2), side, side});
}

/// Uniform in +-1/sqrt(inputs) is what torch's kaiming_uniform_(a = sqrt(5)) comes to, for weights and biases
/// alike.
void initialize(Tensor weight, Tensor bias) {
  const double bound = 1 / std::sqrt(static_cast<double>(weight[0].numel()));
  weight.uniform_(-bound, bound);
  bias.uniform_(-bound, bound);
}

}  // namespace

Projector bind_projector(const ProjectorConfig& config, const Parameters& parameters) {
  Projector projector{config, {}, {}, {}};
  const int layers = projector_layers(config.type);
  for (int i = 0; i < layers; ++i) {
    const std::string index = layers == 1 ? "" : fmt::format(".{}", 2 * i);
    projector.layers.push_back(
        bind_linear(parameters, fmt::format("{}projector{}", kProjectorPrefix, index)));
  }
  if (is_ldp(config.type)) {
    const std::string peg = fmt::format("{}projector.4.peg.0.", kProjectorPrefix);
    projector.peg_weight = parameters.at(peg + "weight");
    projector.peg_bias = parameters.at(peg + "bias");
  }
  return projector;
}

Tensor project(const Projector& projector, const Tensor& features, Precision precision) {
  Tensor x = features;
  for (size_t i = 0; i < projector.layers.size(); ++i) {
    if (i > 0) x = torch::gelu(x);
    x = linear(x, projector.layers[i], precision);
  }
  if (!is_ldp(projector.config.type)) return x;
  const Tensor pooled = torch::adaptive_avg_pool2d(to_grid(x), {kLdpGrid, kLdpGrid});
  const Tensor encoded =
      pooled + torch::conv2d(pooled, projector.peg_weight, projector.peg_bias, /*stride=*/1,
                             /*padding=*/1, /*dilation=*/1, /*groups=*/projector.config.out);
  return encoded.flatten(2).transpose(1, 2);
}

void initialize_projector(const ProjectorConfig& config, Parameters& parameters) {
  const NoGradGuard no_grad;
  torch::manual_seed(static_cast<uint64_t>(config.in));
  const Projector projector = bind_projector(config, parameters);
  for (const Linear& layer : projector.layers) initialize(layer.weight, layer.bias);
  if (projector.peg_weight.defined()) initialize(projector.peg_weight, projector.peg_bias);
}

}  // namespace cobra::train
