#include "train/run/export.h"

#include <filesystem>

#include "base/file.h"
#include "train/run/start.h"

namespace cobra::train {
namespace {

Json tower_json(const TowerConfig& c) {
  return {{"name", c.name},
          {"timm_name", c.timm_name},
          {"image_size", c.image_size},
          {"patch_size", c.patch_size},
          {"embed_dim", c.embed_dim},
          {"depth", c.depth},
          {"num_heads", c.num_heads},
          {"mlp_hidden", c.mlp_hidden},
          {"class_token", c.class_token},
          {"register_tokens", c.register_tokens},
          {"layer_scale", c.layer_scale},
          {"norm_epsilon", c.norm_epsilon},
          {"mean", c.mean},
          {"std", c.std}};
}

Json mamba_json(const MambaConfig& c) {
  return {{"d_model", c.d_model},       {"n_layer", c.n_layer},
          {"d_inner", c.d_inner},       {"d_state", c.d_state},
          {"d_conv", c.d_conv},         {"dt_rank", c.dt_rank},
          {"vocab_size", c.vocab_size}, {"norm_epsilon", c.norm_epsilon}};
}

}  // namespace

Json config_json(const ModelConfig& config) {
  Json towers = Json::array();
  for (const TowerConfig& tower : config.towers) towers.push_back(tower_json(tower));
  return {{"model_id", config.model_id},
          {"llm_backbone_id", config.llm_backbone_id},
          {"prompt_template", config.prompt_template},
          {"image_resize_strategy", config.resize_strategy},
          {"arch_specifier", name(config.projector.type)},
          {"eos_token_id", config.eos_token_id},
          {"towers", towers},
          {"projector",
           {{"in", config.projector.in}, {"hidden", config.projector.hidden}, {"out", config.projector.out}}},
          {"mamba", mamba_json(config.mamba)}};
}

void export_model(const ModelConfig& config, const Parameters& parameters, const std::string& folder,
                  const GgufOptions& options) {
  const auto path = [&](const char* name) { return (std::filesystem::path(folder) / name).string(); };
  save_parameters(parameters, path(kWeightsFile));
  write_file(path(kConfigFile), config_json(config).dump(2) + "\n");
  export_gguf(config, parameters, path(kGgufFile), options);
}

}  // namespace cobra::train
