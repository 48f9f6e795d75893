#include "train/model/parameters.h"

#include "base/fail.h"

namespace cobra::train {
namespace {

/// The official shape. Position embeddings have the model's own grid here, whatever grid they were published
/// with.
std::vector<int64_t> official_shape(const NameMapping& mapping) {
  std::vector<int64_t> shape = mapping.source_shape;
  if (mapping.transform == Transform::resample_positions) shape[1] = mapping.target.shape[0];
  return shape;
}

}  // namespace

std::string tower_prefix(const ModelConfig& config, const TowerConfig& tower) {
  return config.towers.size() == 1 ? "vision_backbone.featurizer."
                                   : fmt::format("vision_backbone.{}_featurizer.", tower.name);
}

void hash_parameters(const Parameters& parameters, const std::function<bool(const Parameter&)>& taken,
                     Hasher& hasher) {
  for (const Parameter& parameter : parameters.list()) {
    if (!taken(parameter)) continue;
    hasher.add(parameter.name);
    const Tensor value = parameter.value.detach().contiguous();
    hasher.add(std::as_bytes(std::span(value.data_ptr<float>(), static_cast<size_t>(value.numel()))));
  }
}

Parameters::Parameters(const ModelConfig& config) {
  if (config.mamba.n_layer > 0) {
    add(Part::llm_backbone, std::string(kLanguageModelPrefix),
        map_language_model(config.mamba, "backbone.embedding.weight"));
  }
  if (config.projector.out > 0) {
    add(Part::projector, std::string(kProjectorPrefix), map_projector(config.projector));
  }
  for (const TowerConfig& tower : config.towers) {
    add(Part::vision_backbone, tower_prefix(config, tower), map_tower(tower));
  }
}

void Parameters::add(Part part, const std::string& prefix, std::vector<NameMapping> mappings) {
  for (NameMapping& mapping : mappings) {
    const std::string name = prefix + mapping.source;
    index_.emplace(name, list_.size());
    const Tensor value = torch::zeros(official_shape(mapping), torch::kFloat32);
    list_.push_back({name, part, std::move(mapping), value});
  }
}

const Tensor& Parameters::at(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  check(found != index_.end(), "the model has no parameter '{}'", printable(name));
  return list_[found->second].value;
}

}  // namespace cobra::train
