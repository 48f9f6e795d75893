// What the official code knows by name: its vision backbones, the timm models behind them, and how it reads
// `arch_specifier`. Source: h-zhao1997/cobra (materialize.py,
// backbones/vision/*.py, vlms/cobra.py) and timm 0.9.10's model definitions. Left out: in1k-vit-l, which has
// no tower name of its own here.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cobra/config.h"

namespace cobra {

/// One tower of a registered backbone.
struct BackboneTower {
  std::string name;       // "dino", "siglip", "clip"
  std::string timm_name;  // as the official code passes it to timm
};

struct Backbone {
  std::string id;
  int image_size = 0;
  std::vector<BackboneTower> towers;  // in the order in which features are concatenated
};

/// The registered backbone of this id; throws Error "source: vision_backbone_id: ..." listing the known ones.
const Backbone& find_backbone(std::string_view id, const std::string& source);

/// What a timm model's state dict cannot tell.
struct KnownModel {
  int num_heads = 0;
  float crop_pct = 1;  // below 1 its default transform enlarges the picture before the centre crop
};

/// By the dimensions that identify it: ViT-B/16 and ViT-L/14 of DINOv2 and CLIP, SigLIP's B/16 and SO400M/14.
std::optional<KnownModel> find_known_model(const TowerConfig& dimensions);

/// Sets what all models of a tower's kind share: mean, std, norm_epsilon, activation. `timm_name` must be
/// set.
void set_family_defaults(TowerConfig& tower);

/// Official suffix rule (reference/README.md, quirk 14): "linear" exactly; any text that ends in
/// fused-gelu-mlp, gelu-mlp or fused-ldpnet. Everything else, plain "ldpnet" included, is an Error as it is
/// officially.
ProjectorType projector_type_of(std::string_view arch_specifier, const std::string& source);

/// Dimensions of a projector between `towers` and a language model of width d_model.
ProjectorConfig projector_between(ProjectorType type, const std::vector<TowerConfig>& towers, int d_model);

}  // namespace cobra
