// Which source tensor becomes which tensor of the model file: the names and layouts of the official
// checkpoint, of timm's vision transformers and of Mamba's published weights.
#pragma once

#include <string>
#include <vector>

#include "model/schema.h"

namespace cobra {

/// What happens to the values on the way. Reshapes that keep the order of values need nothing.
enum class Transform { none, negative_exp, resample_positions };

struct NameMapping {
  TensorSpec target;
  std::string source;                 // name in the state dict
  std::vector<int64_t> source_shape;  // -1 matches every size
  Transform transform = Transform::none;
};

/// `embedding` is the embedding's name: "backbone.embedding.weight" (mamba_ssm) or
/// "backbone.embeddings.weight" (transformers). The head is not listed: it is checked against the embedding
/// apart.
std::vector<NameMapping> map_language_model(const MambaConfig& config, const std::string& embedding);
/// Official names: "projector.0.weight", ..., "projector.4.peg.0.weight"; a linear projector has
/// "projector.weight".
std::vector<NameMapping> map_projector(const ProjectorConfig& config);
/// timm's names.
std::vector<NameMapping> map_tower(const TowerConfig& config);

}  // namespace cobra
