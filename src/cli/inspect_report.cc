// Collects the report; inspect_text.cc prints it.
#include <filesystem>
#include <map>

#include "base/fail.h"
#include "cli/inspect_report.h"
#include "formats/tensor_bytes.h"
#include "model/schema.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

struct Size {
  int64_t tensors = 0, parameters = 0, bytes = 0;

  void add(const TensorEntry& tensor) {
    tensors += 1;
    parameters += tensor.elements();
    bytes += static_cast<int64_t>(tensor.bytes.size());
  }
  Json json() const { return {{"tensors", tensors}, {"parameters", parameters}, {"bytes", bytes}}; }
};

std::string part_of(const std::string& tensor, const ModelConfig& config) {
  if (tensor.starts_with("projector.")) return "projector";
  for (const TowerConfig& tower : config.towers) {
    if (tensor.starts_with(tower.name + ".")) return tower.name;
  }
  return "language_model";
}

/// 1e-05 rather than the nearest double of its float, 9.999999747378752e-06.
double decimal(float value) { return std::stod(fmt::format("{}", value)); }

Json decimals(const std::array<float, 3>& values) {
  return {decimal(values[0]), decimal(values[1]), decimal(values[2])};
}

Json tower_json(const TowerConfig& c) {
  return {{"name", c.name},
          {"timm_name", c.timm_name},
          {"image_size", c.image_size},
          {"patch_size", c.patch_size},
          {"patches", c.patches()},
          {"embed_dim", c.embed_dim},
          {"depth", c.depth},
          {"num_heads", c.num_heads},
          {"mlp_hidden", c.mlp_hidden},
          {"prefix_tokens", c.prefix_tokens()},
          {"layer_scale", c.layer_scale},
          {"pre_norm", c.pre_norm},
          {"activation", c.quick_gelu ? "quick_gelu" : "gelu"},
          {"mean", decimals(c.mean)},
          {"std", decimals(c.std)}};
}

Json mamba_json(const MambaConfig& c) {
  return {{"d_model", c.d_model},       {"n_layer", c.n_layer},
          {"d_inner", c.d_inner},       {"d_state", c.d_state},
          {"d_conv", c.d_conv},         {"dt_rank", c.dt_rank},
          {"vocab_size", c.vocab_size}, {"norm_epsilon", decimal(c.norm_epsilon)}};
}

Json config_json(const ModelConfig& c) {
  Json json = {{"model_id", c.model_id},
               {"llm_backbone_id", c.llm_backbone_id},
               {"prompt_template", c.prompt_template},
               {"resize_strategy", c.resize_strategy},
               {"eos_token_id", c.eos_token_id}};
  if (c.mamba.n_layer > 0) json["mamba"] = mamba_json(c.mamba);
  if (c.projector.out > 0) {
    json["projector"] = {{"type", name(c.projector.type)},
                         {"in", c.projector.in},
                         {"hidden", c.projector.hidden},
                         {"out", c.projector.out}};
  }
  json["towers"] = Json::array();
  for (const TowerConfig& tower : c.towers) json["towers"].push_back(tower_json(tower));
  json["image_tokens"] = c.projector.out > 0 ? c.image_tokens() : 0;
  return json;
}

Json tokenizer_json(const GgufFile& file) {
  if (!TokenizerData::in_gguf(file)) return nullptr;
  const TokenizerData data = TokenizerData::from_gguf(file);
  int64_t used = 0;
  for (const std::string& token : data.tokens) used += !token.empty();
  return {{"tokens", used},
          {"merges", data.merges.size()},
          {"added", data.added.size()},
          {"eos_token_id", data.eos_id}};
}

template <typename Tensors>
Json tensors_json(const Tensors& tensors) {
  Json list = Json::array();
  for (const TensorEntry& tensor : tensors) {
    list.push_back({{"name", tensor.name},
                    {"type", name(tensor.type)},
                    {"shape", tensor.shape},
                    {"bytes", tensor.bytes.size()}});
  }
  return list;
}

/// Weights that one decoded token reads: every layer and the head, of a tied embedding all rows.
int64_t decode_bytes(const GgufFile& file, const ModelConfig& config) {
  const bool untied = file.find("output.weight") != nullptr;
  int64_t bytes = 0;
  for (const TensorEntry& tensor : file.tensors()) {
    const bool looked_up_only = untied && tensor.name == "token_embd.weight";
    if (part_of(tensor.name, config) == "language_model" && !looked_up_only) {
      bytes += static_cast<int64_t>(tensor.bytes.size());
    }
  }
  return bytes;
}

}  // namespace

Json inspect_model(const GgufFile& file, bool tensors) {
  const ModelConfig config = read_config(file);
  Size total;
  std::map<std::string, Size> parts, types;
  for (const TensorEntry& tensor : file.tensors()) {
    total.add(tensor);
    parts[part_of(tensor.name, config)].add(tensor);
    types[std::string(name(tensor.type))].add(tensor);
  }
  Json report = {{"file", file.path()},
                 {"file_bytes", file.file_bytes()},
                 {"architecture", file.text("general.architecture")},
                 {"configuration", config_json(config)},
                 {"total", total.json()},
                 {"decode_bytes_per_token", decode_bytes(file, config)}};
  for (const auto& [part, size] : parts) report["parts"][part] = size.json();
  for (const auto& [type, size] : types) report["types"][type] = size.json();
  report["tokenizer"] = tokenizer_json(file);
  if (tensors) report["tensors"] = tensors_json(file.tensors());
  return report;
}

Json inspect_weights(const StateDict& file) {
  Size total;
  for (const TensorEntry& tensor : file.tensors()) total.add(tensor);
  return {{"file", file.path()},
          {"file_bytes", static_cast<int64_t>(std::filesystem::file_size(file.path()))},
          {"total", total.json()},
          {"tensors", tensors_json(file.tensors())}};
}

}  // namespace cobra
