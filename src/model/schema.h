// The names of things in a cobra GGUF: one place that convert, init and load share.
//
// Metadata: general.architecture "cobra" (or "mamba", text alone), general.name;
//   mamba.*            as llama.cpp has them: context_length, embedding_length, feed_forward_length 0,
//   block_count,
//                      attention.head_count 0, attention.layer_norm_rms_epsilon, vocab_size, ssm.conv_kernel,
//                      ssm.inner_size, ssm.state_size, ssm.time_step_rank
//   cobra.llm_backbone_id, cobra.prompt_template, cobra.resize_strategy, cobra.eos_token_id
//   cobra.towers       ["dino", "siglip"], and for each: cobra.<tower>.{timm_name, image_size, patch_size,
//   embed_dim, depth,
//                      num_heads, mlp_hidden, class_token, register_tokens, position_covers_prefix,
//                      layer_scale, pre_norm, patch_bias, quick_gelu, norm_epsilon, mean, std}
//   cobra.projector.{type, in, hidden, out}
//   tokenizer.ggml.*   model "none" alone in a model for token ids only
// Tensors (shape outermost first):
//   token_embd.weight [V, D]   output_norm.weight [D]   blk.N.attn_norm.weight [D]   blk.N.ssm_in.weight [2
//   d_inner, D] blk.N.ssm_conv1d.weight [d_inner, d_conv]  .bias [d_inner]   blk.N.ssm_x.weight [dt_rank + 2
//   d_state, d_inner] blk.N.ssm_dt.weight [d_inner, dt_rank]  .bias [d_inner]   blk.N.ssm_a [d_inner,
//   d_state] = -exp(A_log) blk.N.ssm_d [d_inner]   blk.N.ssm_out.weight [D, d_inner]   (output.weight [V, D]
//   only where not tied) <tower>.{cls_token [1, d], reg_token [R, d], pos_embed [n, d], patch_embed.weight
//   [d, 3 p p], patch_embed.bias [d],
//     norm_pre.weight/.bias [d], blk.N.{norm1, norm2}.{weight, bias} [d], blk.N.qkv.{weight [3 d, d], bias},
//     blk.N.proj.{weight [d, d], bias}, blk.N.fc1.{weight [mlp, d], bias}, blk.N.fc2.{weight [d, mlp], bias},
//     blk.N.ls1, blk.N.ls2 [d]}     all `depth` blocks, also the last one, which features do not need
//   projector.{0,2,4}.{weight, bias} (linear: projector.{weight, bias}); projector.peg.{weight [D, 9], bias
//   [D]}
// Vectors, norms, convolutions, ssm_a, ssm_d, cls/reg/pos, patch_embed and peg are f32. Matrices have the
// type asked for (see stored_type).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "cobra/config.h"
#include "formats/gguf.h"

namespace cobra {

/// A tensor that a model of some configuration has.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;  // outermost first
  bool matrix = false;         // may be quantised; otherwise f32
};

/// Every tensor of the configuration, in file order: language model, projector, towers. Parts that the
/// configuration lacks (n_layer 0, projector.out 0, no towers) have none. output.weight, which only an untied
/// model has, is not listed.
std::vector<TensorSpec> tensor_specs(const ModelConfig& config);
std::vector<TensorSpec> language_model_specs(const MambaConfig& config);
std::vector<TensorSpec> projector_specs(const ProjectorConfig& config);
std::vector<TensorSpec> tower_specs(const TowerConfig& config);

/// The type a tensor gets when a file of type `wanted` is written: f32 unless it is a matrix; at 4 bits the
/// embedding (also the output head) and the small ssm_x and ssm_dt, which set the step sizes, take q8_0; rows
/// that a block does not divide take the next type that fits (storable_type).
DType stored_type(const TensorSpec& spec, DType wanted);

/// Configuration to metadata and back. `read_config` checks every value's range and their agreement with each
/// other and throws Error "path: field: expected, found". `write_config` writes everything but the tokenizer,
/// sorted by key. A file of towers alone (mamba.n_layer 0) is a valid configuration: whoever needs a language
/// model checks for it.
void write_config(const ModelConfig& config, DType type, GgufWriter& writer);
ModelConfig read_config(const GgufFile& file);

/// ggml's number for a file whose matrices are mostly of this type (general.file_type).
int64_t file_type_number(DType type);

/// Checks a configuration that came from anywhere; `source` names it in errors.
void check_config(const ModelConfig& config, const std::string& source);

ProjectorType parse_projector_type(std::string_view text, const std::string& source);

}  // namespace cobra
