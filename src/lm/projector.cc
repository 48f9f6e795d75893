#include "lm/projector.h"

#include <cmath>
#include <span>
#include <vector>

namespace cobra {
namespace {

/// torch's adaptive_avg_pool2d of x [n n, d] to [14 14, d]: window i covers floor(i n / 14) .. ceil((i + 1) n
/// / 14).
AlignedBuffer<float> adaptive_average_pool(TensorView<const float> x, int64_t n) {
  constexpr int64_t g = kLdpGrid;
  AlignedBuffer<float> out(g * g * x.cols);
  for (int64_t i = 0; i < g * g; ++i) {
    const int64_t top = i / g * n / g, bottom = ((i / g + 1) * n + g - 1) / g;
    const int64_t left = i % g * n / g, right = ((i % g + 1) * n + g - 1) / g;
    float* sum = out.data() + i * x.cols;
    for (int64_t y = top; y < bottom; ++y) {
      for (int64_t c = left; c < right; ++c) {
        const float* row = x.row(y * n + c);
        for (int64_t k = 0; k < x.cols; ++k) sum[k] += row[k];
      }
    }
    const auto area = static_cast<float>((bottom - top) * (right - left));
    for (int64_t k = 0; k < x.cols; ++k) sum[k] /= area;
  }
  return out;
}

/// out = x + bias + depthwise 3 x 3 convolution of x on the 14 x 14 grid, zero padding.
AlignedBuffer<float> position_encoding(TensorView<const float> x, const float* weight, const float* bias) {
  constexpr int64_t g = kLdpGrid;
  AlignedBuffer<float> out(g * g * x.cols);
  for (int64_t i = 0; i < g * g; ++i) {
    float* o = out.data() + i * x.cols;
    for (int64_t k = 0; k < x.cols; ++k) o[k] = x(i, k) + bias[k];
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t y = i / g + tap / 3 - 1, c = i % g + tap % 3 - 1;
      if (y < 0 || y >= g || c < 0 || c >= g) continue;
      const float* row = x.row(y * g + c);
      for (int64_t k = 0; k < x.cols; ++k) o[k] += weight[k * 9 + tap] * row[k];
    }
  }
  return out;
}

}  // namespace

int projector_layers(ProjectorType type) {
  if (type == ProjectorType::linear) return 1;
  return type == ProjectorType::fused_gelu_mlp ? 3 : 2;
}

int64_t projector_tokens(ProjectorType type, int64_t patches) {
  return is_ldp(type) ? kLdpGrid * kLdpGrid : patches;
}

AlignedBuffer<float> project(const Kernels& k, const ProjectorConfig& config, const ProjectorWeights& w,
                             TensorView<const float> features) {
  const auto count = static_cast<size_t>(projector_layers(config.type));
  std::vector<MlpLayer> layers;
  for (const ProjectorWeights::Layer& layer : std::span(w.layers).first(count)) {
    const bool last = layers.size() + 1 == count;
    layers.push_back(
        {layer.weight, {.bias = layer.bias, .activation = last ? Activation::none : Activation::gelu}});
  }
  const int64_t d = layers.back().w.rows;
  AlignedBuffer<float> x(features.rows * d);
  const TensorView<float> projected(x.data(), features.rows, d);
  k.mlp(features, layers, projected);
  if (!is_ldp(config.type)) return x;
  const auto grid = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(features.rows))));
  const AlignedBuffer<float> pooled = adaptive_average_pool(projected, grid);
  return position_encoding({pooled.data(), kLdpGrid * kLdpGrid, d}, w.peg_weight, w.peg_bias);
}

}  // namespace cobra
