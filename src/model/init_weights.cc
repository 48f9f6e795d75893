#include "model/init_weights.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "base/fail.h"

namespace cobra {
namespace {

/// The finaliser of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// FNV-1a.
uint64_t hash(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}

/// Counter-based: value i of a stream needs no other.
class Stream {
 public:
  Stream(uint64_t seed, std::string_view tensor)
      : key_(mix(mix(seed + 0x9e3779b97f4a7c15u) ^ hash(tensor))) {}

  /// Nearly normal, mean 0, deviation 1, within +-3.5: the sum of four uniforms of 16 bits (variance 4 / 12
  /// each of 1).
  float normal(int64_t i) const {
    const uint64_t u = bits(i);
    const auto sum = static_cast<float>((u & 0xffff) + (u >> 16 & 0xffff) + (u >> 32 & 0xffff) + (u >> 48));
    constexpr float kDeviation = 0.57735027f * 65536;  // sqrt(4 / 12)
    return (sum - 2 * 65535.0f) / kDeviation;
  }
  /// In [0, 1).
  float uniform(int64_t i) const { return static_cast<float>(bits(i) >> 40) * 0x1p-24f; }

 private:
  uint64_t key_;
  uint64_t bits(int64_t i) const { return mix(key_ + static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15u); }
};

constexpr float kEmbeddingDeviation = 0.02f;

// ---- distributions: `n` values a row --------------------------------------------------------------------

RowMaker constant(int64_t n, float value) {
  return [=](int64_t, float* out) { std::fill_n(out, n, value); };
}

RowMaker normal(Stream stream, int64_t n, float deviation) {
  return [=](int64_t row, float* out) {
    for (int64_t i = 0; i < n; ++i) out[i] = deviation * stream.normal(row * n + i);
  };
}

/// In [-bound, bound).
RowMaker uniform(Stream stream, int64_t n, float bound) {
  return [=](int64_t row, float* out) {
    for (int64_t i = 0; i < n; ++i) out[i] = bound * (2 * stream.uniform(row * n + i) - 1);
  };
}

/// Uniform in the logarithm between low and high.
RowMaker log_uniform(Stream stream, int64_t n, float low, float high) {
  return [=](int64_t row, float* out) {
    for (int64_t i = 0; i < n; ++i) out[i] = low * std::pow(high / low, stream.uniform(row * n + i));
  };
}

/// A bias whose softplus, the step size dt, is log-uniform in [1e-3, 1e-1].
RowMaker step_size_bias(Stream stream, int64_t n) {
  return [=, steps = log_uniform(stream, n, 1e-3f, 1e-1f)](int64_t row, float* out) {
    steps(row, out);
    // The inverse of softplus: dt + log(1 - exp(-dt)).
    std::transform(out, out + n, out, [](float dt) { return dt + std::log(-std::expm1(-dt)); });
  };
}

/// A = -exp(A_log) with A_log = log(1 .. d_state) for every channel.
RowMaker state_decay(int64_t n) {
  return [=](int64_t, float* out) {
    for (int64_t i = 0; i < n; ++i) out[i] = -static_cast<float>(i + 1);
  };
}

/// Sines and cosines of a patch's place on the square grid, column first, as in "Better plain ViT baselines
/// for ImageNet-1k" (arXiv 2205.01580), with waves as long as a grid of a few patches needs: attention and
/// language model begin with places that are told apart and are near where patches are. `prefix` rows come
/// before.
RowMaker grid_positions(Stream stream, int64_t n, int64_t prefix, int64_t side) {
  constexpr float kAmplitude = 1.35f, kLongest = 100;
  return [=](int64_t row, float* out) {
    for (int64_t i = 0; i < n; ++i) out[i] = kEmbeddingDeviation * stream.normal(row * n + i);
    const int64_t waves = n / 4, patch = row - prefix;
    for (int64_t i = 0; patch >= 0 && i < waves; ++i) {
      const float frequency = std::pow(kLongest, -static_cast<float>(i) / static_cast<float>(waves));
      const float x = frequency * static_cast<float>(patch % side);
      const float y = frequency * static_cast<float>(patch / side);
      const float values[] = {std::sin(x), std::cos(x), std::sin(y), std::cos(y)};
      for (int64_t k = 0; k < 4; ++k) out[k * waves + i] = kAmplitude * values[k];
    }
  };
}

// ---- which tensor gets which ----------------------------------------------------------------------------

constexpr float kBiasDeviation = 0.02f;  // officially 0, but a bias that is applied wrongly should show

float inverse_root(int64_t n) { return 1 / std::sqrt(static_cast<float>(n)); }

RowMaker language_model_values(const std::string& name, int64_t cols, Stream stream, const MambaConfig& c) {
  if (name == "token_embd.weight") return normal(stream, cols, kEmbeddingDeviation);
  if (name.ends_with("norm.weight") || name.ends_with("ssm_d")) return constant(cols, 1);
  if (name.ends_with("ssm_a")) return state_decay(cols);
  if (name.ends_with("ssm_dt.bias")) return step_size_bias(stream, cols);
  if (name.ends_with("ssm_dt.weight")) return uniform(stream, cols, inverse_root(c.dt_rank));
  if (name.find("ssm_conv1d") != std::string::npos) return uniform(stream, cols, inverse_root(c.d_conv));
  // What is added to the residual stream shrinks with depth, so that the sum of all layers keeps its scale.
  if (name.ends_with("ssm_out.weight")) return normal(stream, cols, inverse_root(cols * c.n_layer));
  return normal(stream, cols, inverse_root(cols));
}

RowMaker tower_values(const std::string& name, int64_t cols, Stream stream, const TowerConfig& c) {
  const bool is_norm = name.find("norm") != std::string::npos;
  if (is_norm && name.ends_with(".weight")) return constant(cols, 1);
  if (name.ends_with(".bias")) return normal(stream, cols, kBiasDeviation);
  if (name.ends_with(".ls1") || name.ends_with(".ls2")) return log_uniform(stream, cols, 0.1f, 1);
  if (name.ends_with("_token")) return normal(stream, cols, kEmbeddingDeviation);
  if (name.ends_with("pos_embed")) {
    return grid_positions(stream, cols, c.position_covers_prefix ? c.prefix_tokens() : 0, c.grid());
  }
  const bool adds_to_residual = name.ends_with("proj.weight") || name.ends_with("fc2.weight");
  return normal(stream, cols, inverse_root(cols * (adds_to_residual ? 2 * c.depth : 1)));
}

RowMaker projector_values(const std::string& name, int64_t cols, Stream stream) {
  if (name.ends_with("bias")) return normal(stream, cols, kBiasDeviation);
  return normal(stream, cols, inverse_root(cols));
}

}  // namespace

RowMaker initial_values(const TensorSpec& spec, const ModelConfig& config, uint64_t seed) {
  const Stream stream(seed, spec.name);
  const int64_t cols = spec.shape.back();
  for (const TowerConfig& tower : config.towers) {
    if (spec.name.starts_with(tower.name + ".")) return tower_values(spec.name, cols, stream, tower);
  }
  if (spec.name.starts_with("projector.")) return projector_values(spec.name, cols, stream);
  return language_model_values(spec.name, cols, stream, config.mamba);
}

}  // namespace cobra
