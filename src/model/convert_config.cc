// The run's config.json and the towers; the language model is in convert_mamba_config.cc.
#include "model/convert_config.h"

#include <cmath>

#include "base/fail.h"

namespace cobra {
namespace {

/// Side of a square of n, or 0.
int64_t square_root(int64_t n) {
  if (n < 1) return 0;
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(n))));
  return side * side == n ? side : 0;
}

int integer_field(const Dims& dims, const std::string& field, int fallback) {
  return dimension(json_integer(dims.json, field, dims.path, fallback),
                   fmt::format("{}: field '{}'", dims.path, field));
}

/// One tower's object in dims.json: values that override, and values that must agree with the weights.
class TowerDims {
 public:
  TowerDims(const Dims& dims, std::string tower) : dims_(dims), tower_(std::move(tower)) {}

  bool has(const char* field) const { return json_find(dims_.json, key(field)) != nullptr; }
  int integer(const char* field, int fallback) const { return integer_field(dims_, key(field), fallback); }
  bool boolean(const char* field, bool fallback) const {
    return json_boolean(dims_.json, key(field), dims_.path, fallback);
  }
  float number(const char* field, float fallback) const {
    return static_cast<float>(json_number(dims_.json, key(field), dims_.path, fallback));
  }
  std::string text(const char* field, const std::string& fallback) const {
    return json_text(dims_.json, key(field), dims_.path, fallback);
  }
  void three(const char* field, std::array<float, 3>& values) const {
    const Json* array = json_find(dims_.json, key(field));
    if (!array) return;
    const bool numbers = array->is_array() && array->size() == 3 && (*array)[0].is_number() &&
                         (*array)[1].is_number() && (*array)[2].is_number();
    check(numbers, "{}: field '{}' must be an array of 3 numbers", dims_.path, key(field));
    for (size_t i = 0; i < 3; ++i) values[i] = (*array)[i].get<float>();
  }
  void check_agrees(const char* field, int found, const std::string& weights) const {
    const int wanted = integer(field, found);
    check(wanted == found, "{}: field '{}' is {}, but {} has {}", dims_.path, key(field), wanted, weights,
          found);
  }

 private:
  const Dims& dims_;
  std::string tower_;
  std::string key(const char* field) const { return tower_ + "." + field; }
};

void read_shapes(const SourceTensors& weights, TowerConfig& c) {
  c.embed_dim = weights.dimension("patch_embed.proj.weight", 4, 0);
  c.patch_size = weights.dimension("patch_embed.proj.weight", 4, 2);
  c.patch_bias = weights.has("patch_embed.proj.bias");
  c.depth = weights.count_layers("blocks.");
  c.mlp_hidden = weights.dimension("blocks.0.mlp.fc1.weight", 2, 0);
  c.class_token = weights.has("cls_token");
  c.register_tokens = weights.has("reg_token") ? weights.dimension("reg_token", 3, 1) : 0;
  c.layer_scale = weights.has("blocks.0.ls1.gamma");
  c.pre_norm = weights.has("norm_pre.weight");
  const int64_t positions = weights.shape("pos_embed", 3)[1];
  c.position_covers_prefix = c.prefix_tokens() > 0 && square_root(positions) == 0;
}

void check_dims_agree(const TowerDims& dims, const TowerConfig& c, const std::string& weights) {
  dims.check_agrees("embed_dim", c.embed_dim, weights);
  dims.check_agrees("depth", c.depth, weights);
  dims.check_agrees("mlp_hidden", c.mlp_hidden, weights);
  dims.check_agrees("patch_size", c.patch_size, weights);
  dims.check_agrees("reg_tokens", c.register_tokens, weights);
}

/// "gelu", "gelu (exact, erf)", "quick_gelu".
bool is_quick_gelu(const std::string& activation, const std::string& source) {
  if (activation.starts_with("quick_gelu")) return true;
  const bool exact = activation.starts_with("gelu") && activation.find("tanh") == std::string::npos;
  check(exact, "{}: activation '{}' is unknown: expected gelu or quick_gelu", source, printable(activation));
  return false;
}

void apply_dims(const TowerDims& dims, const std::string& path, TowerConfig& c) {
  c.timm_name = dims.text("timm_name", c.timm_name);
  c.image_size = dims.integer("image_size", c.image_size);
  c.num_heads = dims.integer("num_heads", c.num_heads);
  c.position_covers_prefix = dims.boolean("pos_embed_covers_prefix_tokens", c.position_covers_prefix);
  c.norm_epsilon = dims.number("layer_norm_eps", c.norm_epsilon);
  if (dims.has("activation")) c.quick_gelu = is_quick_gelu(dims.text("activation", ""), path);
  dims.three("mean", c.mean);
  dims.three("std", c.std);
}

}  // namespace

RunConfig read_run_config(const std::string& path) {
  const Json json = read_json(path, 16 << 20);
  RunConfig run;
  run.path = path;
  run.model_id = json_text(json, "model.model_id", path);
  run.llm_backbone_id = json_text(json, "model.llm_backbone_id", path);
  run.vision_backbone_id = json_text(json, "model.vision_backbone_id", path);
  run.resize_strategy = json_text(json, "model.image_resize_strategy", path);
  run.projector = projector_type_of(json_text(json, "model.arch_specifier", path), path);
  return run;
}

Dims Dims::read(const std::string& path) {
  if (path.empty()) return {};
  Dims dims{path, read_json(path, 16 << 20)};
  check(dims.json.is_object(), "{}: expected an object of dimensions", path);
  return dims;
}

TowerConfig infer_tower(const SourceTensors& weights, const BackboneTower& tower, int image_size,
                        const Dims& dims) {
  TowerConfig c;
  c.name = tower.name;
  c.timm_name = tower.timm_name;
  c.image_size = integer_field(dims, "image_size", image_size);
  set_family_defaults(c);
  read_shapes(weights, c);
  const TowerDims tower_dims(dims, tower.name);
  check_dims_agree(tower_dims, c, weights.path());
  if (const auto known = find_known_model(c)) c.num_heads = known->num_heads;
  apply_dims(tower_dims, dims.path, c);
  check(c.num_heads > 0,
        "{}: the number of attention heads of a tower with width {}, depth {} and MLP width {} is not known: "
        "give it as "
        "'{}.num_heads' in a JSON file with --dims",
        weights.path(), c.embed_dim, c.depth, c.mlp_hidden, c.name);
  return c;
}

int position_grid(int64_t rows, const TowerConfig& tower, const std::string& path) {
  const int64_t prefix = tower.position_covers_prefix ? tower.prefix_tokens() : 0;
  const int64_t side = square_root(rows - prefix);
  check(side > 0 && side <= 1024,
        "{}: tensor 'pos_embed': expected {} rows and those of a square grid, found {}", path, prefix, rows);
  return static_cast<int>(side);
}

}  // namespace cobra
