#include "model/presets.h"

#include "base/fail.h"
#include "model/backbones.h"
#include "tokenizer/prompt.h"

namespace cobra {
namespace {

TowerConfig dino(int image_size, int width, int depth, int heads) {
  TowerConfig c;
  c.name = "dino";
  c.timm_name = "vit_large_patch14_reg4_dinov2.lvd142m";
  c.image_size = image_size;
  c.embed_dim = width;
  c.depth = depth;
  c.num_heads = heads;
  c.mlp_hidden = 4 * width;
  c.class_token = true;
  c.register_tokens = 4;
  c.layer_scale = true;
  set_family_defaults(c);
  return c;
}

TowerConfig siglip(int image_size, int width, int depth, int heads, int mlp_hidden) {
  TowerConfig c;
  c.name = "siglip";
  c.timm_name = "vit_so400m_patch14_siglip_384";
  c.image_size = image_size;
  c.embed_dim = width;
  c.depth = depth;
  c.num_heads = heads;
  c.mlp_hidden = mlp_hidden;
  set_family_defaults(c);
  return c;
}

TowerConfig dino_large() { return dino(384, 1024, 24, 16); }
TowerConfig siglip_so400m() { return siglip(384, 1152, 27, 16, 4304); }

/// Expand 2 and dt_rank ceil(d_model / 16), Mamba's defaults.
MambaConfig mamba(int d_model, int n_layer, int vocab_size) {
  MambaConfig c;
  c.d_model = d_model;
  c.n_layer = n_layer;
  c.d_inner = 2 * d_model;
  c.dt_rank = (d_model + 15) / 16;
  c.vocab_size = vocab_size;
  return c;
}

ModelConfig assemble(const std::string& model_id, const std::string& llm, std::vector<TowerConfig> towers,
                     ProjectorType projector, const MambaConfig& language_model) {
  ModelConfig config;
  config.model_id = model_id;
  config.llm_backbone_id = llm;
  config.prompt_template = name(prompt_template_of(llm, model_id));
  config.towers = std::move(towers);
  config.mamba = language_model;
  config.projector = projector_between(projector, config.towers, language_model.d_model);
  return config;
}

ModelConfig text_only(const std::string& llm, const MambaConfig& language_model) {
  ModelConfig config;
  config.model_id = config.llm_backbone_id = llm;
  config.prompt_template = name(prompt_template_of(llm, llm));
  config.mamba = language_model;
  return config;
}

/// 50277 tokens of GPT-NeoX, padded to a multiple of 8.
MambaConfig mamba_3b() { return mamba(2560, 64, 50280); }

/// The towers of cobra-tiny: pictures of 64 x 64 in 64 patches.
TowerConfig dino_small() {
  TowerConfig tower = dino(64, 96, 5, 4);
  tower.patch_size = 8;
  return tower;
}
TowerConfig siglip_small() {
  TowerConfig tower = siglip(64, 96, 5, 4, 384);
  tower.patch_size = 8;
  return tower;
}

ModelConfig tiny_scenes(std::vector<TowerConfig> towers, ProjectorType projector) {
  return assemble("cobra+tiny-scenes", "mamba-tiny-zephyr", std::move(towers), projector,
                  mamba(256, 6, 1024));
}

struct Preset {
  const char* name;
  ModelConfig (*make)();
};

constexpr const char* kChat = "mamba-2.8b-zephyr";

constexpr Preset kPresets[] = {
    {"cobra-3b",
     [] {
       return assemble("cobra+3b", kChat, {dino_large(), siglip_so400m()}, ProjectorType::fused_gelu_mlp,
                       mamba_3b());
     }},
    {"cobra-siglip-3b",
     [] {
       return assemble("cobra-siglip+3b", kChat, {siglip_so400m()}, ProjectorType::gelu_mlp, mamba_3b());
     }},
    {"cobra-ldpnet-3b",
     [] {
       return assemble("cobra-ldpnet+3b", kChat, {dino_large(), siglip_so400m()}, ProjectorType::fused_ldpnet,
                       mamba_3b());
     }},
    {"cobra-base-3b",
     [] {
       return assemble("cobra-base+3b", "mamba-2.8b", {dino_large(), siglip_so400m()},
                       ProjectorType::fused_gelu_mlp, mamba_3b());
     }},
    // The smallest published Mamba below the paper's towers: for experiments that 2.8 billion are too slow
    // for.
    {"cobra-130m",
     [] {
       return assemble("cobra+130m", "mamba-130m", {dino_large(), siglip_so400m()},
                       ProjectorType::fused_gelu_mlp, mamba(768, 24, 50280));
     }},
    // Language models alone, as other programs know them.
    {"mamba-2.8b", [] { return text_only("mamba-2.8b", mamba_3b()); }},
    {"mamba-130m", [] { return text_only("mamba-130m", mamba(768, 24, 50280)); }},
    // Shapes that show mistakes: pixels left over at the edge (90 = 6 x 14 + 6), an MLP width that no block
    // divides.
    {"tiny",
     [] {
       return assemble("cobra+tiny", kChat, {dino(90, 64, 4, 4), siglip(90, 96, 4, 4, 360)},
                       ProjectorType::fused_gelu_mlp, mamba(256, 4, 264));
     }},
    // Small enough to be trained from nothing on pictures of 28 x 28 (docs/training.md).
    {"fashion",
     [] {
       TowerConfig one = dino(28, 64, 5, 4), other = siglip(28, 64, 5, 4, 256);
       one.patch_size = other.patch_size = 4;
       return assemble("cobra+fashion", "mamba-fashion", {one, other}, ProjectorType::fused_gelu_mlp,
                       mamba(128, 4, 264));
     }},
    // The model that ships (models/README.md): rows of 256, so that every weight type fits them.
    {"cobra-tiny",
     [] {
       return tiny_scenes({dino_small(), siglip_small()}, ProjectorType::fused_gelu_mlp);
     }},
    // For ablations of it.
    {"cobra-tiny-siglip", [] { return tiny_scenes({siglip_small()}, ProjectorType::gelu_mlp); }},
    {"cobra-tiny-ldpnet",
     [] {
       return tiny_scenes({dino_small(), siglip_small()}, ProjectorType::fused_ldpnet);
     }},
};

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

ModelConfig preset(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (name == preset.name) return preset.make();
  }
  fail("preset '{}' is unknown: expected one of {}", printable(name), fmt::join(preset_names(), ", "));
}

}  // namespace cobra
