// timm's VisionTransformer: DINOv2 with registers and LayerScale, SigLIP, OpenAI CLIP.
// Source: timm 0.9.10 vision_transformer.py and Cobra's TimmViTBackbone, which takes the output of the
// second-to-last block without the final norm and without prefix tokens. Left out: attention pooling, heads,
// dropout.
#pragma once

#include <vector>

#include "cobra/config.h"
#include "cobra/tensor_view.h"
#include "cobra/trace.h"
#include "kernels/kernels.h"

namespace cobra {

/// Views into a model file or its packed copies; d = embed_dim.
struct VitBlockWeights {
  const float* norm1_weight;  // [d]
  const float* norm1_bias;    // [d]
  WeightMatrix qkv;           // [3 d, d], rows q, k, v
  const float* qkv_bias;      // [3 d]
  WeightMatrix proj;          // [d, d]
  const float* proj_bias;     // [d]
  const float* ls1;           // [d] or null
  const float* norm2_weight;  // [d]
  const float* norm2_bias;    // [d]
  WeightMatrix fc1;           // [mlp, d]
  const float* fc1_bias;      // [mlp]
  WeightMatrix fc2;           // [d, mlp]
  const float* fc2_bias;      // [d]
  const float* ls2;           // [d] or null
};

struct VitWeights {
  const float* cls_token = nullptr;  // [1, d]
  const float* reg_token = nullptr;  // [R, d]
  const float* pos_embed = nullptr;  // [patches (+ prefix where it is covered), d]
  WeightMatrix patch_embed;          // [d, 3 p p]
  const float* patch_bias = nullptr;
  const float* pre_norm_weight = nullptr;
  const float* pre_norm_bias = nullptr;
  std::vector<VitBlockWeights> blocks;
};

/// pixel_values [3, S S] -> features [patches, d] (a view with any stride, so that towers write side by
/// side). With a trace it also names `<tower>.embedded` and `<tower>.block{i}`, and runs the last block for
/// it.
void vit_forward(const Kernels& k, const TowerConfig& config, const VitWeights& w,
                 TensorView<const float> pixel_values, TensorView<float> features, const TraceSink& trace);

}  // namespace cobra
