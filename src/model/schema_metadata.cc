// A configuration to GGUF metadata and back. Keys of the language model are llama.cpp's, so that its tools
// read them.
#include <algorithm>
#include <cctype>
#include <limits>

#include "base/fail.h"
#include "model/schema.h"

namespace cobra {
namespace {

constexpr int64_t kContextLength =
    1 << 20;  // a recurrence has no limit; llama.cpp's converter writes this number

using Metadata = std::map<std::string, GgufValue>;

GgufValue whole(int64_t value) { return value; }
GgufValue real(float value) { return static_cast<double>(value); }
GgufValue three(const std::array<float, 3>& values) {
  return std::vector<double>(values.begin(), values.end());
}

// ---- to metadata -------------------------------------------------------------------------------------

void put_general(const ModelConfig& config, DType type, Metadata& to) {
  to["general.architecture"] = std::string(config.has_vision() ? "cobra" : "mamba");
  to["general.file_type"] = whole(file_type_number(type));
  to["general.quantization_version"] = whole(2);
  if (!config.model_id.empty()) to["general.name"] = config.model_id;
  to["cobra.llm_backbone_id"] = config.llm_backbone_id;
  to["cobra.prompt_template"] = config.prompt_template;
  to["cobra.resize_strategy"] = config.resize_strategy;
  to["cobra.eos_token_id"] = whole(config.eos_token_id);
}

void put_mamba(const MambaConfig& c, Metadata& to) {
  to["mamba.context_length"] = whole(kContextLength);
  to["mamba.embedding_length"] = whole(c.d_model);
  to["mamba.feed_forward_length"] = whole(0);
  to["mamba.block_count"] = whole(c.n_layer);
  to["mamba.attention.head_count"] = whole(0);
  to["mamba.attention.layer_norm_rms_epsilon"] = real(c.norm_epsilon);
  to["mamba.vocab_size"] = whole(c.vocab_size);
  to["mamba.ssm.conv_kernel"] = whole(c.d_conv);
  to["mamba.ssm.inner_size"] = whole(c.d_inner);
  to["mamba.ssm.state_size"] = whole(c.d_state);
  to["mamba.ssm.time_step_rank"] = whole(c.dt_rank);
}

void put_tower(const TowerConfig& c, Metadata& to) {
  const std::string prefix = fmt::format("cobra.{}.", c.name);
  to[prefix + "timm_name"] = c.timm_name;
  to[prefix + "image_size"] = whole(c.image_size);
  to[prefix + "patch_size"] = whole(c.patch_size);
  to[prefix + "embed_dim"] = whole(c.embed_dim);
  to[prefix + "depth"] = whole(c.depth);
  to[prefix + "num_heads"] = whole(c.num_heads);
  to[prefix + "mlp_hidden"] = whole(c.mlp_hidden);
  to[prefix + "class_token"] = c.class_token;
  to[prefix + "register_tokens"] = whole(c.register_tokens);
  to[prefix + "position_covers_prefix"] = c.position_covers_prefix;
  to[prefix + "layer_scale"] = c.layer_scale;
  to[prefix + "pre_norm"] = c.pre_norm;
  to[prefix + "patch_bias"] = c.patch_bias;
  to[prefix + "quick_gelu"] = c.quick_gelu;
  to[prefix + "norm_epsilon"] = real(c.norm_epsilon);
  to[prefix + "mean"] = three(c.mean);
  to[prefix + "std"] = three(c.std);
}

void put_vision(const ModelConfig& config, Metadata& to) {
  std::vector<std::string> names;
  for (const TowerConfig& tower : config.towers) {
    names.push_back(tower.name);
    put_tower(tower, to);
  }
  to["cobra.towers"] = std::move(names);
  if (config.projector.out == 0) return;
  to["cobra.projector.type"] = std::string(name(config.projector.type));
  to["cobra.projector.in"] = whole(config.projector.in);
  to["cobra.projector.hidden"] = whole(config.projector.hidden);
  to["cobra.projector.out"] = whole(config.projector.out);
}

// ---- from metadata -----------------------------------------------------------------------------------

/// Integers of metadata have 64 bits, those of a configuration 32.
int narrow(const GgufFile& file, const std::string& key, int64_t value) {
  check(value >= 0 && value <= std::numeric_limits<int>::max(), "{}: {}: expected 0 to {}, found {}",
        file.path(), printable(key), std::numeric_limits<int>::max(), value);
  return static_cast<int>(value);
}
int integer(const GgufFile& file, const std::string& key) { return narrow(file, key, file.integer(key)); }
int integer(const GgufFile& file, const std::string& key, int fallback) {
  return narrow(file, key, file.integer(key, fallback));
}

std::array<float, 3> three(const GgufFile& file, const std::string& key) {
  const std::vector<double>& values = file.numbers(key);
  check(values.size() == 3, "{}: {}: expected 3 numbers, found {}", file.path(), printable(key),
        values.size());
  return {static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2])};
}

/// Rows of the embedding: the padded vocabulary, also where llama.cpp's converter wrote no vocab_size.
int embedding_rows(const GgufFile& file) {
  const TensorEntry* embedding = file.find("token_embd.weight");
  check(embedding && embedding->shape.size() == 2,
        "{}: mamba.vocab_size is missing, and so is the matrix token_embd.weight that would tell it",
        file.path());
  return narrow(file, "rows of token_embd.weight", embedding->shape[0]);
}

MambaConfig get_mamba(const GgufFile& file) {
  // FalconMamba normalises dt, B and C; such a file would load and answer nonsense.
  check(!file.boolean("mamba.ssm.dt_b_c_rms", false), "{}: mamba.ssm.dt_b_c_rms: expected false, found true",
        file.path());
  MambaConfig c;
  c.d_model = integer(file, "mamba.embedding_length");
  c.n_layer = integer(file, "mamba.block_count");
  c.d_inner = integer(file, "mamba.ssm.inner_size");
  c.d_state = integer(file, "mamba.ssm.state_size");
  c.d_conv = integer(file, "mamba.ssm.conv_kernel");
  c.dt_rank = integer(file, "mamba.ssm.time_step_rank");
  c.norm_epsilon = static_cast<float>(file.number("mamba.attention.layer_norm_rms_epsilon"));
  c.vocab_size = file.has("mamba.vocab_size") ? integer(file, "mamba.vocab_size") : embedding_rows(file);
  return c;
}

TowerConfig get_tower(const GgufFile& file, const std::string& name) {
  const std::string prefix = fmt::format("cobra.{}.", name);
  TowerConfig c;
  c.name = name;
  c.timm_name = file.text(prefix + "timm_name", "");
  c.image_size = integer(file, prefix + "image_size");
  c.patch_size = integer(file, prefix + "patch_size");
  c.embed_dim = integer(file, prefix + "embed_dim");
  c.depth = integer(file, prefix + "depth");
  c.num_heads = integer(file, prefix + "num_heads");
  c.mlp_hidden = integer(file, prefix + "mlp_hidden");
  c.class_token = file.boolean(prefix + "class_token", false);
  c.register_tokens = integer(file, prefix + "register_tokens", 0);
  c.position_covers_prefix = file.boolean(prefix + "position_covers_prefix", false);
  c.layer_scale = file.boolean(prefix + "layer_scale", false);
  c.pre_norm = file.boolean(prefix + "pre_norm", false);
  c.patch_bias = file.boolean(prefix + "patch_bias", true);
  c.quick_gelu = file.boolean(prefix + "quick_gelu", false);
  c.norm_epsilon = static_cast<float>(file.number(prefix + "norm_epsilon"));
  c.mean = three(file, prefix + "mean");
  c.std = three(file, prefix + "std");
  return c;
}

ProjectorConfig get_projector(const GgufFile& file) {
  ProjectorConfig c;
  c.type = parse_projector_type(file.text("cobra.projector.type"), file.path() + ": cobra.projector.type");
  c.in = integer(file, "cobra.projector.in");
  c.hidden = integer(file, "cobra.projector.hidden");
  c.out = integer(file, "cobra.projector.out");
  return c;
}

/// For files that llama.cpp's converter made: the chat-tuned model is told by its name.
std::string guess_template(const GgufFile& file) {
  std::string id = file.text("general.name", "");
  std::transform(id.begin(), id.end(), id.begin(), [](unsigned char c) { return std::tolower(c); });
  return id.find("zephyr") != std::string::npos ? "zephyr" : "mamba";
}

void get_vision(const GgufFile& file, ModelConfig& config) {
  const std::vector<std::string>& names = file.texts("cobra.towers");
  check(!names.empty() && names.size() <= 4, "{}: cobra.towers: expected 1 to 4 names, found {}", file.path(),
        names.size());
  for (const std::string& name : names) config.towers.push_back(get_tower(file, name));
  if (file.has("cobra.projector.type")) config.projector = get_projector(file);
}

}  // namespace

int64_t file_type_number(DType type) {
  switch (type) {
    case DType::f32:
      return 0;
    case DType::f16:
      return 1;
    case DType::q4_0:
      return 2;
    case DType::q8_0:
      return 7;
    case DType::q4_k:
      return 15;
    case DType::q5_k:
      return 17;
    case DType::q6_k:
      return 18;
    case DType::bf16:
      return 32;
    default:
      fail("type {} cannot be the type of a model: expected f32, f16, bf16, q8_0, q4_0, q4_k", name(type));
  }
}

void write_config(const ModelConfig& config, DType type, GgufWriter& writer) {
  Metadata metadata;
  put_general(config, type, metadata);
  if (config.has_vision()) put_vision(config, metadata);
  if (config.mamba.n_layer > 0) put_mamba(config.mamba, metadata);
  for (auto& [key, value] : metadata) writer.set(key, std::move(value));
}

ModelConfig read_config(const GgufFile& file) {
  const std::string& architecture = file.text("general.architecture");
  check(architecture == "cobra" || architecture == "mamba",
        "{}: general.architecture: expected cobra or mamba, found '{}'", file.path(),
        printable(architecture));
  ModelConfig config;
  config.model_id = file.text("general.name", "");
  config.llm_backbone_id = file.text("cobra.llm_backbone_id", "");
  config.prompt_template = file.text("cobra.prompt_template", guess_template(file));
  config.resize_strategy = file.text("cobra.resize_strategy", "resize-naive");
  config.eos_token_id = integer(file, "cobra.eos_token_id", integer(file, "tokenizer.ggml.eos_token_id", 0));
  if (architecture == "cobra") get_vision(file, config);
  const bool towers_alone =
      architecture == "cobra" && !file.has("mamba.block_count") && !file.has("cobra.projector.type");
  if (!towers_alone) config.mamba = get_mamba(file);
  check_config(config, file.path());
  return config;
}

}  // namespace cobra
