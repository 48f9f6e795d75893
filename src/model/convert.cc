#include "model/convert.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>

#include "base/fail.h"
#include "model/convert_config.h"
#include "model/convert_plan.h"
#include "model/schema.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

namespace fs = std::filesystem;

// ---- towers ------------------------------------------------------------------------------------------

const std::string& tower_file(const ConvertOptions& options, const std::string& tower) {
  return tower == "dino" ? options.dino : tower == "siglip" ? options.siglip : options.clip;
}

/// CLIP at 224 enlarges and crops, which the stored configuration cannot say.
void check_resize(const TowerConfig& tower, const std::string& strategy) {
  const auto known = find_known_model(tower);
  check(!known || known->crop_pct == 1 || strategy == "resize-naive",
        "{}: image_resize_strategy '{}' is not supported for {}: expected resize-naive", tower.name,
        printable(strategy), tower.timm_name);
}

std::vector<SourceTensors> open_towers(const ConvertOptions& options, const Backbone& backbone,
                                       const Dims& dims, Plan& plan) {
  std::vector<SourceTensors> sources;
  for (const BackboneTower& tower : backbone.towers) {
    const std::string& path = tower_file(options, tower.name);
    check(!path.empty(), "vision backbone {} has a tower '{}': give its weights with --{} FILE", backbone.id,
          tower.name, tower.name);
    sources.push_back(open_tower(path));
    plan.config.towers.push_back(infer_tower(sources.back(), tower, backbone.image_size, dims));
    check_resize(plan.config.towers.back(), plan.config.resize_strategy);
  }
  for (const char* name : {"dino", "siglip", "clip"}) {
    const bool wanted = std::any_of(backbone.towers.begin(), backbone.towers.end(),
                                    [name](const BackboneTower& tower) { return tower.name == name; });
    check(wanted || tower_file(options, name).empty(), "vision backbone {} has no tower '{}': leave --{} out",
          backbone.id, name, name);
  }
  return sources;
}

// ---- the three uses ----------------------------------------------------------------------------------

std::optional<TokenizerData> read_tokenizer(const ConvertOptions& options, ModelConfig& config,
                                            const Dims& dims) {
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

void write_plan(const ConvertOptions& options, const Plan& plan,
                const std::optional<TokenizerData>& tokenizer) {
  for (const std::string& input : {options.checkpoint, options.dino, options.siglip, options.clip,
                                   options.llm, options.tokenizer, options.llm_config, options.dims}) {
    if (!input.empty()) check_output_differs(options.output, input);
  }
  if (options.note) {
    for (const std::string& note : plan.notes) options.note(note);
  }
  GgufWriter writer(options.output);
  write_config(plan.config, options.type, writer);
  if (tokenizer) tokenizer->to_gguf(writer, plan.config.mamba.vocab_size);
  write_tensors(plan.tensors, options.threads, options.progress, writer);
}

/// The two state dicts of an official checkpoint; what else it holds (an optimiser) is not read.
struct Checkpoint {
  SourceTensors projector;
  SourceTensors language_model;

  static Checkpoint open(const std::string& path) {
    const std::shared_ptr<const StateDict> file = StateDict::open(path);
    Checkpoint checkpoint{SourceTensors(file, "model/projector/"),
                          SourceTensors(file, "model/llm_backbone/llm.")};
    SourceTensors backbone(file, "model/llm_backbone/");
    check(!checkpoint.projector.empty() && !backbone.empty(),
          "{}: expected an official checkpoint with tensors in model/projector and model/llm_backbone", path);
    backbone.drop_prefix("llm.");
    backbone.check_all_used();
    return checkpoint;
  }
};

void convert_run(ConvertOptions options) {
  const RunConfig run = read_run_config((fs::path(options.run_dir) / "config.json").string());
  const Dims dims = Dims::read(options.dims);
  if (options.checkpoint.empty()) {
    options.checkpoint = (fs::path(options.run_dir) / "checkpoints" / "latest-checkpoint.pt").string();
  }
  const Backbone& backbone = find_backbone(run.vision_backbone_id, run.path);
  Plan plan;
  plan.config.model_id = run.model_id;
  plan.config.llm_backbone_id = run.llm_backbone_id;
  plan.config.prompt_template = prompt_template_of(run.llm_backbone_id, run.path);
  plan.config.resize_strategy = run.resize_strategy;

  Checkpoint checkpoint = Checkpoint::open(options.checkpoint);
  SourceTensors& language_model = checkpoint.language_model;
  plan.config.mamba = infer_mamba(language_model, embedding_name(language_model), options.llm_config, dims);
  std::vector<SourceTensors> towers = open_towers(options, backbone, dims, plan);
  plan.config.projector = projector_between(run.projector, plan.config.towers, plan.config.mamba.d_model);
  const auto tokenizer = read_tokenizer(options, plan.config, dims);
  check_config(plan.config, run.path);

  plan_language_model(language_model, true, options.type, plan);
  plan_projector(plan.config.projector, checkpoint.projector, options.type, plan);
  for (size_t i = 0; i < towers.size(); ++i) plan_tower(plan.config.towers[i], towers[i], options.type, plan);
  write_plan(options, plan, tokenizer);
}

/// Published models lie in folders of their name: .../mamba-2.8b-zephyr/model.safetensors.
std::string guess_backbone_id(const std::string& path) {
  const std::string folder = fs::absolute(path).lexically_normal().parent_path().filename().string();
  return folder.starts_with("mamba") ? folder : "mamba";
}

void convert_language_model(const ConvertOptions& options) {
  const Dims dims = Dims::read(options.dims);
  SourceTensors source(StateDict::open(options.llm), "");
  Plan plan;
  plan.config.llm_backbone_id = plan.config.model_id = guess_backbone_id(options.llm);
  plan.config.prompt_template = prompt_template_of(plan.config.llm_backbone_id, options.llm);
  plan.config.mamba = infer_mamba(source, embedding_name(source), options.llm_config, dims);
  const auto tokenizer = read_tokenizer(options, plan.config, dims);
  check_config(plan.config, options.llm);
  plan_language_model(source, false, options.type, plan);
  write_plan(options, plan, tokenizer);
}

/// Only the given towers of the registered backbone that has them.
Backbone backbone_of_files(const ConvertOptions& options) {
  Backbone backbone =
      find_backbone(options.clip.empty() ? "dinosiglip-vit-so-384px" : "dinoclip-vit-l-336px", "convert");
  std::erase_if(backbone.towers, [&](const BackboneTower& t) { return tower_file(options, t.name).empty(); });
  return backbone;
}

void convert_towers(const ConvertOptions& options) {
  const Dims dims = Dims::read(options.dims);
  Plan plan;
  plan.config.model_id = "vision-towers";
  std::vector<SourceTensors> towers = open_towers(options, backbone_of_files(options), dims, plan);
  check_config(plan.config, towers.front().path());
  for (size_t i = 0; i < towers.size(); ++i) plan_tower(plan.config.towers[i], towers[i], options.type, plan);
  write_plan(options, plan, std::nullopt);
}

}  // namespace

void convert(const ConvertOptions& options) {
  const bool towers = !options.dino.empty() || !options.siglip.empty() || !options.clip.empty();
  check(!options.output.empty(), "convert: the output file is missing: give -o OUT.gguf");
  if (!options.run_dir.empty()) {
    check(options.llm.empty(), "convert: --run and --llm exclude each other");
    return convert_run(options);
  }
  check(options.checkpoint.empty(), "convert: --checkpoint needs the run it belongs to: give --run DIR");
  if (!options.llm.empty()) {
    check(!towers, "convert: --llm converts a language model alone: leave the towers out, or give --run DIR");
    return convert_language_model(options);
  }
  check(towers,
        "convert: nothing to convert: give --run DIR, --llm FILE, or towers with --dino FILE and --siglip "
        "FILE");
  check(options.tokenizer.empty() && options.llm_config.empty(),
        "convert: --tokenizer and --llm-config belong to a language model: leave them out for towers alone");
  convert_towers(options);
}

}  // namespace cobra
