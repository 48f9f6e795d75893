#include "model/backbones.h"

#include "base/fail.h"

namespace cobra {
namespace {

constexpr const char* kDinoLarge = "vit_large_patch14_reg4_dinov2.lvd142m";
constexpr const char* kClipLarge336 = "vit_large_patch14_clip_336.openai";

const std::vector<Backbone>& backbones() {
  static const std::vector<Backbone> kBackbones = {
      {"clip-vit-l", 224, {{"clip", "vit_large_patch14_clip_224.openai"}}},
      {"siglip-vit-so400m", 224, {{"siglip", "vit_so400m_patch14_siglip_224"}}},
      {"dinov2-vit-l", 224, {{"dino", kDinoLarge}}},
      {"clip-vit-b", 224, {{"clip", "vit_base_patch16_clip_224.openai"}}},
      {"clip-vit-l-336px", 336, {{"clip", kClipLarge336}}},
      {"siglip-vit-b16-224px", 224, {{"siglip", "vit_base_patch16_siglip_224"}}},
      {"siglip-vit-b16-256px", 256, {{"siglip", "vit_base_patch16_siglip_256"}}},
      {"siglip-vit-b16-384px", 384, {{"siglip", "vit_base_patch16_siglip_384"}}},
      {"siglip-vit-so400m-384px", 384, {{"siglip", "vit_so400m_patch14_siglip_384"}}},
      {"dinoclip-vit-l-336px", 336, {{"dino", kDinoLarge}, {"clip", kClipLarge336}}},
      {"dinosiglip-vit-so-384px", 384, {{"dino", kDinoLarge}, {"siglip", "vit_so400m_patch14_siglip_384"}}},
  };
  return kBackbones;
}

struct KnownDimensions {
  const char* tower;
  int embed_dim, depth, patch_size, mlp_hidden;
  int num_heads;
};

// Source: timm 0.9.10, vision_transformer.py.
constexpr KnownDimensions kKnownDimensions[] = {
    {"dino", 1024, 24, 14, 4096, 16},  {"dino", 768, 12, 14, 3072, 12},  {"siglip", 1152, 27, 14, 4304, 16},
    {"siglip", 768, 12, 16, 3072, 12}, {"clip", 1024, 24, 14, 4096, 16}, {"clip", 768, 12, 16, 3072, 12},
};

}  // namespace

const Backbone& find_backbone(std::string_view id, const std::string& source) {
  std::vector<std::string> known;
  for (const Backbone& backbone : backbones()) {
    if (backbone.id == id) return backbone;
    known.push_back(backbone.id);
  }
  fail("{}: vision_backbone_id '{}' is unknown: expected one of {}", source, printable(id),
       fmt::join(known, ", "));
}

std::optional<KnownModel> find_known_model(const TowerConfig& c) {
  for (const KnownDimensions& known : kKnownDimensions) {
    if (c.name != known.tower || c.embed_dim != known.embed_dim || c.depth != known.depth ||
        c.patch_size != known.patch_size || c.mlp_hidden != known.mlp_hidden) {
      continue;
    }
    // The official code undoes SigLIP's 0.9, but not that of CLIP at 224.
    const bool enlarges = c.timm_name.find("clip_224") != std::string::npos && c.name == "clip";
    return KnownModel{known.num_heads, enlarges ? 0.9f : 1.0f};
  }
  return std::nullopt;
}

void set_family_defaults(TowerConfig& tower) {
  if (tower.name == "dino") {  // ImageNet's statistics
    tower.mean = {0.485f, 0.456f, 0.406f};
    tower.std = {0.229f, 0.224f, 0.225f};
  } else if (tower.name == "clip") {  // OpenAI's statistics; torch's own LayerNorm epsilon
    tower.mean = {0.48145466f, 0.4578275f, 0.40821073f};
    tower.std = {0.26862954f, 0.26130258f, 0.27577711f};
    tower.norm_epsilon = 1e-5f;
    tower.quick_gelu = tower.timm_name.ends_with(".openai");
  }
}

ProjectorType projector_type_of(std::string_view arch_specifier, const std::string& source) {
  if (arch_specifier == "linear") return ProjectorType::linear;
  // Longest suffix first: "fused-gelu-mlp" also ends in "gelu-mlp".
  if (arch_specifier.ends_with("fused-gelu-mlp")) return ProjectorType::fused_gelu_mlp;
  if (arch_specifier.ends_with("gelu-mlp")) return ProjectorType::gelu_mlp;
  if (arch_specifier.ends_with("fused-ldpnet")) return ProjectorType::fused_ldpnet;
  fail(
      "{}: arch_specifier '{}' is not supported: expected linear, or an ending in gelu-mlp, fused-gelu-mlp "
      "or "
      "fused-ldpnet",
      source, printable(arch_specifier));
}

ProjectorConfig projector_between(ProjectorType type, const std::vector<TowerConfig>& towers, int d_model) {
  ProjectorConfig projector{type, 0, 0, d_model};
  for (const TowerConfig& tower : towers) projector.in += tower.embed_dim;
  switch (type) {
    case ProjectorType::linear:
      break;
    case ProjectorType::gelu_mlp:
    case ProjectorType::ldpnet:
      projector.hidden = d_model;
      break;
    case ProjectorType::fused_gelu_mlp:
    case ProjectorType::fused_ldpnet:
      projector.hidden = 4 * projector.in;
      break;
  }
  return projector;
}

}  // namespace cobra
