// Which tensors a configuration has, and the type each is stored in. Metadata: schema_metadata.cc; ranges:
// schema_check.cc.
#include "model/schema.h"

#include <array>

#include "base/fail.h"
#include "kernels/quant.h"

namespace cobra {
namespace {

constexpr std::array kProjectorTypes = {ProjectorType::linear, ProjectorType::gelu_mlp,
                                        ProjectorType::fused_gelu_mlp, ProjectorType::ldpnet,
                                        ProjectorType::fused_ldpnet};

/// Collects specs under a common prefix.
class SpecList {
 public:
  explicit SpecList(std::string prefix) : prefix_(std::move(prefix)) {}

  void vector(const std::string& name, int64_t n) { add(name, {n}, false); }
  void table(const std::string& name, int64_t rows, int64_t cols) { add(name, {rows, cols}, false); }
  void matrix(const std::string& name, int64_t rows, int64_t cols) { add(name, {rows, cols}, true); }
  /// A matrix [out, in] with its bias.
  void linear(const std::string& name, int64_t out, int64_t in) {
    matrix(name + ".weight", out, in);
    vector(name + ".bias", out);
  }
  void layer_norm(const std::string& name, int64_t n) {
    vector(name + ".weight", n);
    vector(name + ".bias", n);
  }
  std::vector<TensorSpec> take() { return std::move(specs_); }

 private:
  std::string prefix_;
  std::vector<TensorSpec> specs_;
  void add(const std::string& name, std::vector<int64_t> shape, bool matrix) {
    specs_.push_back({prefix_ + name, std::move(shape), matrix});
  }
};

void add_mamba_block(SpecList& list, const MambaConfig& c, int layer) {
  const std::string block = fmt::format("blk.{}.", layer);
  list.vector(block + "attn_norm.weight", c.d_model);
  list.matrix(block + "ssm_in.weight", 2 * c.d_inner, c.d_model);
  list.table(block + "ssm_conv1d.weight", c.d_inner, c.d_conv);
  list.vector(block + "ssm_conv1d.bias", c.d_inner);
  list.matrix(block + "ssm_x.weight", x_proj_rows(c), c.d_inner);
  list.matrix(block + "ssm_dt.weight", c.d_inner, c.dt_rank);
  list.vector(block + "ssm_dt.bias", c.d_inner);
  list.table(block + "ssm_a", c.d_inner, c.d_state);
  list.vector(block + "ssm_d", c.d_inner);
  list.matrix(block + "ssm_out.weight", c.d_model, c.d_inner);
}

void add_vit_block(SpecList& list, const TowerConfig& c, int layer) {
  const std::string block = fmt::format("blk.{}.", layer);
  list.layer_norm(block + "norm1", c.embed_dim);
  list.linear(block + "qkv", 3 * c.embed_dim, c.embed_dim);
  list.linear(block + "proj", c.embed_dim, c.embed_dim);
  if (c.layer_scale) list.vector(block + "ls1", c.embed_dim);
  list.layer_norm(block + "norm2", c.embed_dim);
  list.linear(block + "fc1", c.mlp_hidden, c.embed_dim);
  list.linear(block + "fc2", c.embed_dim, c.mlp_hidden);
  if (c.layer_scale) list.vector(block + "ls2", c.embed_dim);
}

void append(std::vector<TensorSpec>& to, std::vector<TensorSpec> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// Matrices that lose most at 4 bits for the bytes they save: the embedding, which is the output head too,
/// and the two that set the step sizes of the recurrence.
bool needs_eight_bits(const std::string& name) {
  return name == "token_embd.weight" || name == "output.weight" || name.ends_with("ssm_x.weight") ||
         name.ends_with("ssm_dt.weight");
}

}  // namespace

std::vector<TensorSpec> language_model_specs(const MambaConfig& config) {
  SpecList list("");
  list.matrix("token_embd.weight", config.vocab_size, config.d_model);
  for (int layer = 0; layer < config.n_layer; ++layer) add_mamba_block(list, config, layer);
  list.vector("output_norm.weight", config.d_model);
  return list.take();
}

std::vector<TensorSpec> projector_specs(const ProjectorConfig& config) {
  SpecList list("projector");
  switch (config.type) {
    case ProjectorType::linear:
      list.linear("", config.out, config.in);
      break;
    case ProjectorType::fused_gelu_mlp:
      list.linear(".0", config.hidden, config.in);
      list.linear(".2", config.out, config.hidden);
      list.linear(".4", config.out, config.out);
      break;
    case ProjectorType::gelu_mlp:
      list.linear(".0", config.hidden, config.in);
      list.linear(".2", config.out, config.hidden);
      break;
    case ProjectorType::ldpnet:
    case ProjectorType::fused_ldpnet:
      list.linear(".0", config.hidden, config.in);
      list.linear(".2", config.out, config.hidden);
      list.table(".peg.weight", config.out, 9);
      list.vector(".peg.bias", config.out);
      break;
  }
  return list.take();
}

std::vector<TensorSpec> tower_specs(const TowerConfig& config) {
  SpecList list(config.name + ".");
  if (config.class_token) list.table("cls_token", 1, config.embed_dim);
  if (config.register_tokens > 0) list.table("reg_token", config.register_tokens, config.embed_dim);
  const int prefix = config.position_covers_prefix ? config.prefix_tokens() : 0;
  list.table("pos_embed", prefix + config.patches(), config.embed_dim);
  list.table("patch_embed.weight", config.embed_dim, 3 * config.patch_size * config.patch_size);
  if (config.patch_bias) list.vector("patch_embed.bias", config.embed_dim);
  if (config.pre_norm) list.layer_norm("norm_pre", config.embed_dim);
  for (int layer = 0; layer < config.depth; ++layer) add_vit_block(list, config, layer);
  return list.take();
}

std::vector<TensorSpec> tensor_specs(const ModelConfig& config) {
  std::vector<TensorSpec> specs;
  if (config.mamba.n_layer > 0) append(specs, language_model_specs(config.mamba));
  if (config.projector.out > 0) append(specs, projector_specs(config.projector));
  for (const TowerConfig& tower : config.towers) append(specs, tower_specs(tower));
  return specs;
}

DType stored_type(const TensorSpec& spec, DType wanted) {
  if (!spec.matrix) return DType::f32;
  const bool four_bits = wanted == DType::q4_0 || wanted == DType::q4_k;
  return storable_type(four_bits && needs_eight_bits(spec.name) ? DType::q8_0 : wanted, spec.shape.back());
}

ProjectorType parse_projector_type(std::string_view text, const std::string& source) {
  std::vector<std::string> known;
  for (ProjectorType type : kProjectorTypes) {
    if (text == name(type)) return type;
    known.emplace_back(name(type));
  }
  fail("{}: projector type '{}' is unknown: expected one of {}", source, printable(text),
       fmt::join(known, ", "));
}

}  // namespace cobra
