// What a model is: dimensions and choices, as stored in a model file. No weights, no state.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace cobra {

/// One vision transformer of timm's kind.
struct TowerConfig {
  std::string name;       // "dino", "siglip", "clip": prefix of its tensors
  std::string timm_name;  // e.g. "vit_large_patch14_reg4_dinov2.lvd142m"; empty when unknown
  int image_size = 384;   // pixels a side
  int patch_size = 14;
  int embed_dim = 0;
  int depth = 0;  // blocks in the file; features come from block depth - 2
  int num_heads = 0;
  int mlp_hidden = 0;
  bool class_token = false;
  int register_tokens = 0;
  bool position_covers_prefix = false;  // position embedding has rows for the class token too (CLIP)
  bool layer_scale = false;
  bool pre_norm = false;  // a LayerNorm before the blocks (CLIP)
  bool patch_bias = true;
  bool quick_gelu = false;  // x sigmoid(1.702 x) instead of the exact GELU (CLIP)
  float norm_epsilon = 1e-6f;
  std::array<float, 3> mean{0.5f, 0.5f, 0.5f};
  std::array<float, 3> std{0.5f, 0.5f, 0.5f};

  int grid() const { return image_size / patch_size; }  // 384 / 14 = 27: the last pixels are ignored
  int patches() const { return grid() * grid(); }
  int prefix_tokens() const { return (class_token ? 1 : 0) + register_tokens; }
  int feature_block() const { return depth - 2; }
};

enum class ProjectorType { linear, gelu_mlp, fused_gelu_mlp, ldpnet, fused_ldpnet };

struct ProjectorConfig {
  ProjectorType type = ProjectorType::fused_gelu_mlp;
  int in = 0;      // sum of the towers' widths
  int hidden = 0;  // width of the first layer's output; 0 for linear
  int out = 0;     // d_model
};

struct MambaConfig {
  int d_model = 0;
  int n_layer = 0;
  int d_inner = 0;
  int d_state = 16;
  int d_conv = 4;
  int dt_rank = 0;
  int vocab_size = 0;  // rows of the embedding, padded (50280)
  float norm_epsilon = 1e-5f;
};

/// A whole model. A text-only language model has no towers and no projector.
struct ModelConfig {
  std::string model_id;                    // e.g. "cobra+3b"
  std::string llm_backbone_id;             // e.g. "mamba-2.8b-zephyr"
  std::string prompt_template = "zephyr";  // zephyr, mamba, pure
  std::string resize_strategy = "resize-naive";
  std::vector<TowerConfig> towers;  // features are concatenated in this order
  ProjectorConfig projector;
  MambaConfig mamba;
  int eos_token_id = 0;

  bool has_vision() const { return !towers.empty(); }
  /// Image tokens that one picture becomes: its patches, or 196 behind an LDP projector.
  int image_tokens() const;
};

/// Rows of a layer's x_proj, which makes dt, B and C: dt_rank + 2 d_state.
inline int x_proj_rows(const MambaConfig& c) { return c.dt_rank + 2 * c.d_state; }

const char* name(ProjectorType type);

}  // namespace cobra
