// timm's vision transformer on libtorch: DINOv2 with registers and LayerScale, SigLIP, OpenAI CLIP. Source:
// timm 0.9.10 vision_transformer.py and Cobra's TimmViTBackbone. The engine's counterpart is
// src/vision/vit.h.
#pragma once

#include <vector>

#include "cobra/config.h"
#include "train/model/linear.h"
#include "train/model/parameters.h"

namespace cobra::train {

struct LayerNorm {
  Tensor weight, bias;  // [d]; undefined where the tower has none
};

struct VitBlock {
  LayerNorm norm1;
  Linear qkv;   // [3 d, d], rows q, k, v
  Linear proj;  // [d, d]
  Tensor ls1;   // [d] or undefined
  LayerNorm norm2;
  Linear fc1;  // [mlp, d]
  Linear fc2;  // [d, mlp]
  Tensor ls2;  // [d] or undefined
};

struct Vit {
  TowerConfig config;
  Tensor cls_token;              // [1, 1, d] or undefined
  Tensor reg_token;              // [1, R, d] or undefined
  Tensor pos_embed;              // [1, patches (+ prefix where it is covered), d]
  Linear patch_embed;            // [d, 3, p, p]
  LayerNorm pre_norm;            // CLIP
  std::vector<VitBlock> blocks;  // all of the file; features need those up to depth - 2
};

Vit bind_vit(const TowerConfig& config, const std::string& prefix, const Parameters& parameters);

/// pixel_values [B, 3, S, S] -> features [B, patches, d] of the second-to-last block, without final norm and
/// prefix tokens.
Tensor vit_features(const Vit& vit, const Tensor& pixel_values, Precision precision, bool checkpointing);

}  // namespace cobra::train
