// The model's learnable tensors under their official names, in one flat list: what is loaded, learns, and is
// saved. The layers hold the same tensors in structs (mamba.h, vit.h, projector.h), bound by name once.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "cobra/config.h"
#include "model/convert_names.h"
#include "train/torch.h"

namespace cobra::train {

/// The three parts that a stage freezes or teaches as wholes.
enum class Part { vision_backbone, projector, llm_backbone };

struct Parameter {
  std::string
      name;  // official: "llm_backbone.llm.backbone.layers.0.mixer.A_log", "projector.projector.0.weight",
             // "vision_backbone.dino_featurizer.blocks.0.attn.qkv.weight"
  Part part;
  NameMapping mapping;  // its name, shape and transformation in a GGUF, and its name inside the part
  Tensor value;         // float32, official shape
};

class Parameters {
 public:
  /// Zeros for every tensor of the configuration: language model, projector, towers, as far as it has them.
  explicit Parameters(const ModelConfig& config);

  std::vector<Parameter>& list() { return list_; }
  const std::vector<Parameter>& list() const { return list_; }
  /// Throws Error naming a parameter that the model has not.
  const Tensor& at(std::string_view name) const;
  bool has(std::string_view name) const { return index_.contains(std::string(name)); }

 private:
  std::vector<Parameter> list_;
  std::unordered_map<std::string, size_t> index_;
  void add(Part part, const std::string& prefix, std::vector<NameMapping> mappings);
};

/// Names and values of those that `taken` accepts, in the list's order.
void hash_parameters(const Parameters& parameters, const std::function<bool(const Parameter&)>& taken,
                     Hasher& hasher);

/// "vision_backbone.dino_featurizer." where a model has several towers, "vision_backbone.featurizer." where
/// it has one.
std::string tower_prefix(const ModelConfig& config, const TowerConfig& tower);

inline constexpr std::string_view kProjectorPrefix = "projector.";
inline constexpr std::string_view kLanguageModelPrefix = "llm_backbone.llm.";

}  // namespace cobra::train
