#include "model/convert_names.h"

#include <map>
#include <string_view>

#include "base/fail.h"

namespace cobra {
namespace {

using Names = std::map<std::string, std::string, std::less<>>;

const Names kMambaBlock = {
    {"attn_norm.weight", "norm.weight"},
    {"ssm_in.weight", "mixer.in_proj.weight"},
    {"ssm_conv1d.weight", "mixer.conv1d.weight"},
    {"ssm_conv1d.bias", "mixer.conv1d.bias"},
    {"ssm_x.weight", "mixer.x_proj.weight"},
    {"ssm_dt.weight", "mixer.dt_proj.weight"},
    {"ssm_dt.bias", "mixer.dt_proj.bias"},
    {"ssm_a", "mixer.A_log"},
    {"ssm_d", "mixer.D"},
    {"ssm_out.weight", "mixer.out_proj.weight"},
};

const Names kVitBlock = {
    {"qkv.weight", "attn.qkv.weight"},
    {"qkv.bias", "attn.qkv.bias"},
    {"proj.weight", "attn.proj.weight"},
    {"proj.bias", "attn.proj.bias"},
    {"fc1.weight", "mlp.fc1.weight"},
    {"fc1.bias", "mlp.fc1.bias"},
    {"fc2.weight", "mlp.fc2.weight"},
    {"fc2.bias", "mlp.fc2.bias"},
    {"ls1", "ls1.gamma"},
    {"ls2", "ls2.gamma"},
};

const Names kVitStem = {
    {"patch_embed.weight", "patch_embed.proj.weight"},
    {"patch_embed.bias", "patch_embed.proj.bias"},
};

const Names kProjector = {
    {"projector.peg.weight", "projector.4.peg.0.weight"},
    {"projector.peg.bias", "projector.4.peg.0.bias"},
};

/// Names that are not in a table are the same on both sides.
std::string translate(const Names& names, std::string_view name) {
  const auto found = names.find(name);
  return found == names.end() ? std::string(name) : found->second;
}

/// "blk.3.rest" -> {"3", "rest"}; {"", name} for other names.
std::pair<std::string_view, std::string_view> split_block(std::string_view name) {
  if (!name.starts_with("blk.")) return {"", name};
  const size_t dot = name.find('.', 4);
  return {name.substr(4, dot - 4), name.substr(dot + 1)};
}

NameMapping same_shape(const TensorSpec& spec, std::string source) {
  return {spec, std::move(source), spec.shape};
}

}  // namespace

std::vector<NameMapping> map_language_model(const MambaConfig& config, const std::string& embedding) {
  std::vector<NameMapping> mappings;
  for (const TensorSpec& spec : language_model_specs(config)) {
    const auto [layer, rest] = split_block(spec.name);
    if (spec.name == "token_embd.weight") {
      mappings.push_back(same_shape(spec, embedding));
    } else if (layer.empty()) {
      mappings.push_back(same_shape(spec, "backbone.norm_f.weight"));
    } else {
      mappings.push_back(
          same_shape(spec, fmt::format("backbone.layers.{}.{}", layer, translate(kMambaBlock, rest))));
    }
    NameMapping& mapping = mappings.back();
    if (rest == "ssm_conv1d.weight") mapping.source_shape = {config.d_inner, 1, config.d_conv};
    if (rest == "ssm_a") mapping.transform = Transform::negative_exp;
  }
  return mappings;
}

std::vector<NameMapping> map_projector(const ProjectorConfig& config) {
  std::vector<NameMapping> mappings;
  for (const TensorSpec& spec : projector_specs(config)) {
    mappings.push_back(same_shape(spec, translate(kProjector, spec.name)));
    if (spec.name == "projector.peg.weight") mappings.back().source_shape = {config.out, 1, 3, 3};
  }
  return mappings;
}

std::vector<NameMapping> map_tower(const TowerConfig& config) {
  std::vector<NameMapping> mappings;
  for (const TensorSpec& spec : tower_specs(config)) {
    const std::string_view name = std::string_view(spec.name).substr(config.name.size() + 1);
    const auto [block, rest] = split_block(name);
    const std::string source = block.empty() ? translate(kVitStem, rest)
                                             : fmt::format("blocks.{}.{}", block, translate(kVitBlock, rest));
    mappings.push_back(same_shape(spec, source));
    NameMapping& mapping = mappings.back();
    const bool is_token = name == "cls_token" || name == "reg_token";
    if (is_token) mapping.source_shape.insert(mapping.source_shape.begin(), 1);
    if (name == "patch_embed.weight") {
      mapping.source_shape = {config.embed_dim, 3, config.patch_size, config.patch_size};
    }
    if (name == "pos_embed") {
      mapping.source_shape = {1, -1, config.embed_dim};  // published models have another grid
      mapping.transform = Transform::resample_positions;
    }
  }
  return mappings;
}

}  // namespace cobra
