// From patch features to the language model's width. Source: Cobra's util/nn_utils.py (MLPProjector,
// FusedMLPProjector, LDPNetProjector, FusedLDPNetProjector); LDP is MobileVLM v2's lightweight downsample
// projector.
#pragma once

#include <array>

#include "base/aligned_buffer.h"
#include "cobra/config.h"
#include "cobra/tensor_view.h"
#include "kernels/kernels.h"

namespace cobra {

/// Side of the token grid behind an LDP projector.
inline constexpr int kLdpGrid = 14;

inline bool is_ldp(ProjectorType type) {
  return type == ProjectorType::ldpnet || type == ProjectorType::fused_ldpnet;
}
/// Linear layers of a projector: 1, 2 or 3.
int projector_layers(ProjectorType type);
/// Rows of the output for `patches` rows of input.
int64_t projector_tokens(ProjectorType type, int64_t patches);

struct ProjectorWeights {
  struct Layer {
    WeightMatrix weight;
    const float* bias;
  };
  std::array<Layer, 3> layers{};      // as many as projector_layers says; a GELU between each two
  const float* peg_weight = nullptr;  // [out, 9], LDP only: depthwise 3 x 3
  const float* peg_bias = nullptr;    // [out]
};

/// features [P, in] -> [projector_tokens, out]. P must be a square for LDP.
AlignedBuffer<float> project(const Kernels& k, const ProjectorConfig& config, const ProjectorWeights& w,
                             TensorView<const float> features);

}  // namespace cobra
