#include "model/bind.h"

#include "base/fail.h"

namespace cobra {
namespace {

/// The scan relies on A < 0: its states decay, and exp(dt A) stays below 1.
void check_negative(const float* A, int64_t count, const std::string& path, const std::string& tensor) {
  for (int64_t i = 0; i < count; ++i) {
    check(A[i] <= 0, "{}: tensor '{}': expected values that are not positive, found {} at {}", path, tensor,
          A[i], i);
  }
}

MambaLayerWeights bind_layer(const MambaConfig& c, int layer, WeightStore& s) {
  const std::string p = fmt::format("blk.{}.", layer);
  const int64_t D = c.d_model, I = c.d_inner, N = c.d_state;
  MambaLayerWeights w;
  w.norm = s.vector(p + "attn_norm.weight", D);
  const std::vector<WeightMatrix> in_proj = s.matrices(p + "ssm_in.weight", 2, I, D);
  w.in_proj_x = in_proj[0];
  w.in_proj_z = in_proj[1];
  w.conv.taps = c.d_conv;
  w.conv.weight = s.channel_tiles(p + "ssm_conv1d.weight", I, c.d_conv);
  w.conv.bias = s.channel_tiles(p + "ssm_conv1d.bias", I, 1);
  w.x_proj = s.matrix(p + "ssm_x.weight", c.dt_rank + 2 * N, I);
  w.dt_proj = s.matrix(p + "ssm_dt.weight", I, c.dt_rank);
  w.scan.states = c.d_state;
  check_negative(s.table(p + "ssm_a", I, N), I * N, s.path(), p + "ssm_a");
  w.scan.A = s.channel_tiles(p + "ssm_a", I, N);
  w.scan.D = s.channel_tiles(p + "ssm_d", I, 1);
  w.scan.dt_bias = s.channel_tiles(p + "ssm_dt.bias", I, 1);
  w.out_proj = s.matrix(p + "ssm_out.weight", D, I);
  return w;
}

VitBlockWeights bind_block(const TowerConfig& c, int block, WeightStore& s) {
  const std::string p = fmt::format("{}.blk.{}.", c.name, block);
  const int64_t d = c.embed_dim, mlp = c.mlp_hidden;
  VitBlockWeights w{};
  w.norm1_weight = s.vector(p + "norm1.weight", d);
  w.norm1_bias = s.vector(p + "norm1.bias", d);
  w.qkv = s.matrix(p + "qkv.weight", 3 * d, d);
  w.qkv_bias = s.vector(p + "qkv.bias", 3 * d);
  w.proj = s.matrix(p + "proj.weight", d, d);
  w.proj_bias = s.vector(p + "proj.bias", d);
  w.ls1 = c.layer_scale ? s.vector(p + "ls1", d) : nullptr;
  w.norm2_weight = s.vector(p + "norm2.weight", d);
  w.norm2_bias = s.vector(p + "norm2.bias", d);
  w.fc1 = s.matrix(p + "fc1.weight", mlp, d);
  w.fc1_bias = s.vector(p + "fc1.bias", mlp);
  w.fc2 = s.matrix(p + "fc2.weight", d, mlp);
  w.fc2_bias = s.vector(p + "fc2.bias", d);
  w.ls2 = c.layer_scale ? s.vector(p + "ls2", d) : nullptr;
  return w;
}

}  // namespace

MambaWeights bind_mamba(const MambaConfig& c, WeightStore& s) {
  MambaWeights w;
  w.embedding = s.matrix("token_embd.weight", c.vocab_size, c.d_model);
  w.head = s.has("output.weight") ? s.matrix("output.weight", c.vocab_size, c.d_model) : w.embedding;
  w.norm_f = s.vector("output_norm.weight", c.d_model);
  for (int i = 0; i < c.n_layer; ++i) w.layers.push_back(bind_layer(c, i, s));
  return w;
}

ProjectorWeights bind_projector(const ProjectorConfig& c, WeightStore& s) {
  ProjectorWeights w;
  const int layers = projector_layers(c.type);
  for (int i = 0; i < layers; ++i) {
    // The official indices: GELUs stand between the linear layers, and a single layer has no index.
    const std::string p = layers == 1 ? "projector." : fmt::format("projector.{}.", 2 * i);
    const int in = i == 0 ? c.in : i == 1 ? c.hidden : c.out;
    const int out = layers == 1 || i > 0 ? c.out : c.hidden;
    w.layers[static_cast<size_t>(i)] = {s.matrix(p + "weight", out, in), s.vector(p + "bias", out)};
  }
  if (is_ldp(c.type)) {
    w.peg_weight = s.table("projector.peg.weight", c.out, 9);
    w.peg_bias = s.vector("projector.peg.bias", c.out);
  }
  return w;
}

VitWeights bind_tower(const TowerConfig& c, WeightStore& s) {
  const std::string p = c.name + ".";
  const int64_t d = c.embed_dim, positions = c.patches() + (c.position_covers_prefix ? c.prefix_tokens() : 0);
  VitWeights w;
  if (c.class_token) w.cls_token = s.vector(p + "cls_token", d);
  if (c.register_tokens > 0) w.reg_token = s.table(p + "reg_token", c.register_tokens, d);
  w.pos_embed = s.table(p + "pos_embed", positions, d);
  w.patch_embed = s.matrix(p + "patch_embed.weight", d, int64_t{3} * c.patch_size * c.patch_size);
  if (c.patch_bias) w.patch_bias = s.vector(p + "patch_embed.bias", d);
  if (c.pre_norm) {
    w.pre_norm_weight = s.vector(p + "norm_pre.weight", d);
    w.pre_norm_bias = s.vector(p + "norm_pre.bias", d);
  }
  for (int i = 0; i < c.depth; ++i) w.blocks.push_back(bind_block(c, i, s));
  return w;
}

}  // namespace cobra
