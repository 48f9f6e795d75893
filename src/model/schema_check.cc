// Ranges of a configuration's numbers and how they must agree. The limits are far above any real model; they
// keep products of two or three of them inside int64_t and memory that is sized by them bounded.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/fail.h"
#include "kernels/kernel_table.h"
#include "model/schema.h"

namespace cobra {
namespace {

constexpr int kMaxWidth = 1 << 17;
constexpr int kMaxLayers = 1024;
constexpr int kMaxPatches = 1 << 16;
constexpr int kMaxVocabulary = 1 << 22;

/// Checks fields of one part: messages read "source: field: expected, found".
class FieldChecker {
 public:
  FieldChecker(const std::string& source, std::string part) : source_(source), part_(std::move(part)) {}

  void range(const char* field, int64_t value, int64_t low, int64_t high) const {
    check(value >= low && value <= high, "{}: {}{}: expected {} to {}, found {}", source_, part_, field, low,
          high, value);
  }
  void equal(const char* field, int64_t value, int64_t expected, const char* why) const {
    check(value == expected, "{}: {}{}: expected {} ({}), found {}", source_, part_, field, expected, why,
          value);
  }
  void epsilon(const char* field, float value) const {
    check(value > 0 && value < 1, "{}: {}{}: expected a number between 0 and 1, found {}", source_, part_,
          field, value);
  }
  void one_of(const char* field, const std::string& value, std::initializer_list<const char*> choices) const {
    check(std::find(choices.begin(), choices.end(), value) != choices.end(),
          "{}: {}{}: expected one of {}, found '{}'", source_, part_, field, fmt::join(choices, ", "),
          printable(value));
  }

 private:
  const std::string& source_;
  std::string part_;
};

void check_mamba(const MambaConfig& c, const std::string& source) {
  const FieldChecker field(source, "mamba.");
  field.range("d_model", c.d_model, 1, kMaxWidth);
  field.range("n_layer", c.n_layer, 1, kMaxLayers);
  field.range("d_inner", c.d_inner, 1, kMaxWidth);
  field.range("d_state", c.d_state, 1, 1024);
  field.range("d_conv", c.d_conv, 2, kMaxConvTaps);
  field.range("dt_rank", c.dt_rank, 1, kMaxWidth);
  field.range("vocab_size", c.vocab_size, 1, kMaxVocabulary);
  field.epsilon("norm_epsilon", c.norm_epsilon);
}

/// Tower names become prefixes of tensors and keys.
void check_tower_name(const std::string& name, const std::string& source) {
  const bool plain = !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  check(plain && name != "projector" && name != "blk",
        "{}: towers: expected a name of a-z, 0-9 and _, found '{}'", source, printable(name));
}

void check_pixel_statistics(const TowerConfig& c, const std::string& source) {
  for (int channel = 0; channel < 3; ++channel) {
    check(std::isfinite(c.mean[channel]), "{}: {}.mean: expected finite numbers, found {}", source, c.name,
          c.mean[channel]);
    check(std::isfinite(c.std[channel]) && c.std[channel] > 0,
          "{}: {}.std: expected positive numbers, found {}", source, c.name, c.std[channel]);
  }
}

void check_tower(const TowerConfig& c, const std::string& source) {
  check_tower_name(c.name, source);
  const FieldChecker field(source, c.name + ".");
  field.range("image_size", c.image_size, 1, 8192);
  field.range("patch_size", c.patch_size, 1, std::min(c.image_size, 256));
  field.range("patches", c.patches(), 1, kMaxPatches);
  field.range("embed_dim", c.embed_dim, 1, kMaxWidth);
  field.range("depth", c.depth, 2, kMaxLayers);  // features come from the second-to-last block
  field.range("num_heads", c.num_heads, 1, c.embed_dim);
  field.equal("embed_dim modulo num_heads", c.embed_dim % c.num_heads, 0, "heads share the width evenly");
  field.range("mlp_hidden", c.mlp_hidden, 1, kMaxWidth);
  field.range("register_tokens", c.register_tokens, 0, 256);
  field.epsilon("norm_epsilon", c.norm_epsilon);
  check_pixel_statistics(c, source);
}

void check_towers(const std::vector<TowerConfig>& towers, const std::string& source) {
  FieldChecker(source, "").range("number of towers", static_cast<int64_t>(towers.size()), 0, 4);
  std::set<std::string> names;
  for (const TowerConfig& tower : towers) {
    check_tower(tower, source);
    check(names.insert(tower.name).second, "{}: towers: '{}' is named twice", source, tower.name);
    // Features of one patch are concatenated, so every tower must see the same grid.
    FieldChecker(source, tower.name + ".")
        .equal("patches", tower.patches(), towers[0].patches(), "as the first tower");
  }
}

int hidden_width(const ProjectorConfig& c) {
  switch (c.type) {
    case ProjectorType::linear:
      return 0;
    case ProjectorType::gelu_mlp:
    case ProjectorType::ldpnet:
      return c.out;
    case ProjectorType::fused_gelu_mlp:
    case ProjectorType::fused_ldpnet:
      return 4 * c.in;
  }
  return 0;
}

void check_projector(const ModelConfig& config, const std::string& source) {
  const ProjectorConfig& c = config.projector;
  const FieldChecker field(source, "projector.");
  int width = 0;
  for (const TowerConfig& tower : config.towers) width += tower.embed_dim;
  field.equal("in", c.in, width, "the towers' widths together");
  field.equal("out", c.out, config.mamba.d_model, "the language model's width");
  field.equal("hidden", c.hidden, hidden_width(c), name(c.type));
}

}  // namespace

void check_config(const ModelConfig& config, const std::string& source) {
  const bool has_language = config.mamba.n_layer != 0 || config.mamba.d_model != 0;
  const bool has_projector = config.projector.out != 0 || config.projector.in != 0;
  check(!has_projector || config.has_vision(), "{}: projector: found one, but no vision towers to read from",
        source);
  check(has_language || config.has_vision(), "{}: expected a language model or vision towers, found neither",
        source);
  check_towers(config.towers, source);
  if (has_language) check_mamba(config.mamba, source);
  // Towers alone are a starting point for training; towers and a language model need a projector between
  // them.
  if (has_projector || (has_language && config.has_vision())) check_projector(config, source);
  const FieldChecker field(source, "");
  field.one_of("prompt_template", config.prompt_template, {"zephyr", "mamba", "pure"});
  field.one_of("resize_strategy", config.resize_strategy, {"resize-naive", "resize-crop", "letterbox"});
  if (has_language) field.range("eos_token_id", config.eos_token_id, 0, config.mamba.vocab_size - 1);
}

}  // namespace cobra
