// Configuration of a model that is being converted: from the run's config.json, from the shapes of the
// weights, from tables of known models, and from dims.json for what none of these tell.
#pragma once

#include <optional>
#include <string>

#include "formats/json.h"
#include "model/backbones.h"
#include "model/convert_source.h"

namespace cobra {

/// The part of an official run's config.json that matters for inference.
struct RunConfig {
  std::string path;
  std::string model_id;
  std::string llm_backbone_id;
  std::string vision_backbone_id;
  std::string resize_strategy;
  ProjectorType projector = ProjectorType::fused_gelu_mlp;
};

RunConfig read_run_config(const std::string& path);

/// dims.json, or nothing. Values that weights tell as well must agree with them.
struct Dims {
  std::string path;  // "" without a file
  Json json = Json::object();

  static Dims read(const std::string& path);
};

/// A tower from its weights (timm names). `image_size` is the backbone's; dims.json overrides it.
TowerConfig infer_tower(const SourceTensors& weights, const BackboneTower& tower, int image_size,
                        const Dims& dims);

/// A Mamba from its weights; `llm_config` may be empty and else is checked against them.
MambaConfig infer_mamba(const SourceTensors& weights, const std::string& embedding,
                        const std::string& llm_config, const Dims& dims);

/// Side of the square grid that `rows` position embeddings cover; throws Error naming the file otherwise.
int position_grid(int64_t rows, const TowerConfig& tower, const std::string& path);

}  // namespace cobra
