// Which files make up a model, and the configuration that follows from them.
#include "model/convert_run.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "base/fail.h"
#include "model/convert_plan.h"
#include "tokenizer/prompt.h"

namespace cobra {
namespace {

namespace fs = std::filesystem;

const std::string& tower_file(const ConvertOptions& options, const std::string& tower) {
  return tower == "dino" ? options.dino : tower == "siglip" ? options.siglip : options.clip;
}

/// The name that all commands know: some have another --clip.
std::string tower_flag(const std::string& tower) { return tower == "clip" ? "--clip-tower" : "--" + tower; }

/// CLIP at 224 enlarges and crops, which the stored configuration cannot say.
void check_resize(const TowerConfig& tower, const std::string& strategy) {
  const auto known = find_known_model(tower);
  check(!known || known->crop_pct == 1 || strategy == "resize-naive",
        "{}: image_resize_strategy '{}' is not supported for {}: expected resize-naive", tower.name,
        printable(strategy), tower.timm_name);
}

std::vector<SourceTensors> open_towers(const ConvertOptions& options, const Backbone& backbone,
                                       const Dims& dims, ModelConfig& config) {
  std::vector<SourceTensors> sources;
  for (const BackboneTower& tower : backbone.towers) {
    const std::string& path = tower_file(options, tower.name);
    check(!path.empty(), "vision backbone {} has a tower '{}': give its weights with {} FILE", backbone.id,
          tower.name, tower_flag(tower.name));
    sources.push_back(open_tower(path));
    config.towers.push_back(infer_tower(sources.back(), tower, backbone.image_size, dims));
    check_resize(config.towers.back(), config.resize_strategy);
  }
  for (const char* name : {"dino", "siglip", "clip"}) {
    const bool wanted = std::any_of(backbone.towers.begin(), backbone.towers.end(),
                                    [name](const BackboneTower& tower) { return tower.name == name; });
    check(wanted || tower_file(options, name).empty(), "vision backbone {} has no tower '{}': leave {} out",
          backbone.id, name, tower_flag(name));
  }
  return sources;
}

/// The two state dicts of an official checkpoint; what else it holds (an optimiser) is not read.
void open_checkpoint(const std::string& path, RunSource& source) {
  const std::shared_ptr<const StateDict> file = StateDict::open(path);
  source.projector.emplace(file, "model/projector/");
  source.language_model.emplace(file, "model/llm_backbone/llm.");
  SourceTensors backbone(file, "model/llm_backbone/");
  check(!source.projector->empty() && !backbone.empty(),
        "{}: expected an official checkpoint with tensors in model/projector and model/llm_backbone", path);
  backbone.drop_prefix("llm.");
  backbone.check_all_used();
}

/// Published models lie in folders of their name: .../mamba-2.8b-zephyr/model.safetensors.
std::string guess_backbone_id(const std::string& path) {
  const std::string folder = fs::absolute(path).lexically_normal().parent_path().filename().string();
  return folder.starts_with("mamba") ? folder : "mamba";
}

void set_language_model(const ConvertOptions& options, const std::string& id, const std::string& where,
                        RunSource& source) {
  const SourceTensors& weights = *source.language_model;
  source.config.llm_backbone_id = id;
  source.config.prompt_template = name(prompt_template_of(id, where));
  source.config.mamba = infer_mamba(weights, embedding_name(weights), options.llm_config, source.dims);
}

/// Only the given towers of the registered backbone that has them.
Backbone backbone_of_files(const ConvertOptions& options) {
  Backbone backbone =
      find_backbone(options.clip.empty() ? "dinosiglip-vit-so-384px" : "dinoclip-vit-l-336px", "convert");
  std::erase_if(backbone.towers, [&](const BackboneTower& t) { return tower_file(options, t.name).empty(); });
  return backbone;
}

}  // namespace

std::string run_config_path(const std::string& run_dir) {
  return (fs::path(run_dir) / "config.json").string();
}

std::string default_checkpoint(const std::string& run_dir) {
  return (fs::path(run_dir) / "checkpoints" / "latest-checkpoint.pt").string();
}

std::optional<TokenizerData> read_tokenizer(const ConvertOptions& options, const Dims& dims,
                                            ModelConfig& config) {
  config.eos_token_id = static_cast<int>(std::clamp<int64_t>(
      json_integer(dims.json, "tokenizer.eos_token_id", dims.path, 0), -1, std::numeric_limits<int>::max()));
  if (options.tokenizer.empty()) return std::nullopt;
  TokenizerData data = TokenizerData::from_json(options.tokenizer);
  check(static_cast<int64_t>(data.tokens.size()) <= config.mamba.vocab_size,
        "{}: has {} tokens, but the embedding has {} rows", options.tokenizer, data.tokens.size(),
        config.mamba.vocab_size);
  const Tokenizer consistent(data);  // throws where the vocabulary contradicts itself
  config.eos_token_id = data.eos_id;
  return data;
}

RunSource open_run(const ConvertOptions& options) {
  const RunConfig run = read_run_config(run_config_path(options.run_dir));
  RunSource source;
  source.dims = Dims::read(options.dims);
  const Backbone& backbone = find_backbone(run.vision_backbone_id, run.path);
  open_checkpoint(options.checkpoint.empty() ? default_checkpoint(options.run_dir) : options.checkpoint,
                  source);
  ModelConfig& config = source.config;
  config.model_id = run.model_id;
  config.resize_strategy = run.resize_strategy;
  set_language_model(options, run.llm_backbone_id, run.path, source);
  source.towers = open_towers(options, backbone, source.dims, config);
  config.projector = projector_between(run.projector, config.towers, config.mamba.d_model);
  return source;
}

RunSource open_parts(const ConvertOptions& options, ProjectorType projector) {
  RunSource source;
  source.dims = Dims::read(options.dims);
  ModelConfig& config = source.config;
  config.model_id = "vision-towers";
  if (!options.llm.empty()) {
    source.language_model.emplace(StateDict::open(options.llm), "");
    set_language_model(options, guess_backbone_id(options.llm), options.llm, source);
    config.model_id = config.llm_backbone_id;
  }
  const Backbone backbone = backbone_of_files(options);
  source.towers = open_towers(options, backbone, source.dims, config);
  if (!options.llm.empty() && !config.towers.empty()) {
    config.projector = projector_between(projector, config.towers, config.mamba.d_model);
  }
  return source;
}

}  // namespace cobra
