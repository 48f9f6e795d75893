#include "train/model/vit.h"

#include <cmath>

#include "base/fail.h"
#include "train/model/recompute.h"

namespace cobra::train {
namespace {

Tensor optional(const Parameters& parameters, const std::string& name) {
  return parameters.has(name) ? parameters.at(name) : Tensor();
}

LayerNorm bind_norm(const Parameters& parameters, const std::string& name) {
  return {optional(parameters, name + ".weight"), optional(parameters, name + ".bias")};
}

VitBlock bind_block(const Parameters& parameters, const std::string& p) {
  return {.norm1 = bind_norm(parameters, p + "norm1"),
          .qkv = bind_linear(parameters, p + "attn.qkv"),
          .proj = bind_linear(parameters, p + "attn.proj"),
          .ls1 = optional(parameters, p + "ls1.gamma"),
          .norm2 = bind_norm(parameters, p + "norm2"),
          .fc1 = bind_linear(parameters, p + "mlp.fc1"),
          .fc2 = bind_linear(parameters, p + "mlp.fc2"),
          .ls2 = optional(parameters, p + "ls2.gamma")};
}

Tensor layer_norm(const Tensor& x, const LayerNorm& norm, double eps) {
  return torch::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, eps);
}

/// qkv [B, S, 3 d] -> [B, S, d]. Scores are scaled by head_dim^-0.5, applied to q.
Tensor attention(const Tensor& qkv, int64_t heads) {
  const int64_t B = qkv.size(0), S = qkv.size(1), d = qkv.size(2) / 3;
  const Tensor split =
      qkv.view({B, S, 3, heads, d / heads}).permute({2, 0, 3, 1, 4});  // [3, B, heads, S, head_dim]
  const Tensor q = split[0] / std::sqrt(static_cast<double>(d / heads));
  const Tensor scores = torch::softmax(torch::matmul(q, split[1].transpose(-2, -1)), -1);
  return torch::matmul(scores, split[2]).transpose(1, 2).reshape({B, S, d});
}

Tensor activation(const TowerConfig& c, const Tensor& x) {
  return c.quick_gelu ? x * torch::sigmoid(1.702 * x) : torch::gelu(x);
}

Tensor scaled(const Tensor& x, const Tensor& gamma) { return gamma.defined() ? x * gamma : x; }

/// x += ls1 * proj(attention(norm1(x)));  x += ls2 * fc2(act(fc1(norm2(x))))
Tensor vit_block(const TowerConfig& c, const VitBlock& w, const Tensor& input, Precision precision) {
  const Tensor qkv = linear(layer_norm(input, w.norm1, c.norm_epsilon), w.qkv, precision);
  const Tensor x = input + scaled(linear(attention(qkv, c.num_heads), w.proj, precision), w.ls1);
  const Tensor h = activation(c, linear(layer_norm(x, w.norm2, c.norm_epsilon), w.fc1, precision));
  return x + scaled(linear(h, w.fc2, precision), w.ls2);
}

/// Pixels under each patch: [B, 3, S, S] -> [B, patches, 3 p p]. The last rows and columns that fill no patch
/// are left out.
Tensor patch_rows(const TowerConfig& c, const Tensor& pixels) {
  const int64_t p = c.patch_size, g = c.grid(), B = pixels.size(0);
  const Tensor covered = pixels.slice(2, 0, g * p).slice(3, 0, g * p).reshape({B, 3, g, p, g, p});
  return covered.permute({0, 2, 4, 1, 3, 5}).reshape({B, g * g, 3 * p * p});
}

/// Positions of DINOv2 and SigLIP cover patches only and are added before the prefix is put in front (timm's
/// no_embed_class); CLIP's cover the class token too.
Tensor embed(const Vit& vit, const Tensor& pixels, Precision precision) {
  const TowerConfig& c = vit.config;
  const Linear patches{vit.patch_embed.weight.flatten(1), vit.patch_embed.bias};
  Tensor x = linear(patch_rows(c, pixels), patches, precision);
  if (!c.position_covers_prefix) x = x + vit.pos_embed;
  std::vector<Tensor> rows;
  if (vit.cls_token.defined()) rows.push_back(vit.cls_token.expand({x.size(0), -1, -1}));
  if (vit.reg_token.defined()) rows.push_back(vit.reg_token.expand({x.size(0), -1, -1}));
  rows.push_back(x);
  x = torch::cat(rows, 1);
  if (c.position_covers_prefix) x = x + vit.pos_embed;
  return c.pre_norm ? layer_norm(x, vit.pre_norm, c.norm_epsilon) : x;
}

}  // namespace

Vit bind_vit(const TowerConfig& config, const std::string& prefix, const Parameters& parameters) {
  Vit vit{.config = config,
          .cls_token = optional(parameters, prefix + "cls_token"),
          .reg_token = optional(parameters, prefix + "reg_token"),
          .pos_embed = parameters.at(prefix + "pos_embed"),
          .patch_embed = bind_linear(parameters, prefix + "patch_embed.proj"),
          .pre_norm = bind_norm(parameters, prefix + "norm_pre"),
          .blocks = {}};
  for (int i = 0; i < config.depth; ++i) {
    vit.blocks.push_back(bind_block(parameters, fmt::format("{}blocks.{}.", prefix, i)));
  }
  return vit;
}

Tensor vit_features(const Vit& vit, const Tensor& pixel_values, Precision precision, bool checkpointing) {
  Tensor x = embed(vit, pixel_values, precision);
  for (int i = 0; i <= vit.config.feature_block(); ++i) {
    const auto run = [&vit, &block = vit.blocks[static_cast<size_t>(i)], precision](const Tensor& input) {
      return vit_block(vit.config, block, input, precision);
    };
    x = checkpointing ? recompute(run, x) : run(x);
  }
  return x.slice(1, vit.config.prefix_tokens());
}

}  // namespace cobra::train
