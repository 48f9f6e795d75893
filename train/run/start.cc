#include "train/run/start.h"

#include <filesystem>

#include "base/fail.h"
#include "model/schema.h"
#include "train/model/save.h"

namespace cobra::train {
namespace {

namespace fs = std::filesystem;

/// Configuration and tokenizer from the folder's GGUF, values from its safetensors.
ModelSource open_earlier_run(const RunRecipe& recipe, int threads) {
  const std::string& folder = recipe.model;
  const std::string weights = (fs::path(folder) / kWeightsFile).string();
  check(fs::exists(weights), "{}: not the folder of a finished run: it has no {}", printable(folder, 1000),
        kWeightsFile);
  SourceOptions options{(fs::path(folder) / kGgufFile).string(), {}, {}};
  options.files.tokenizer = recipe.tokenizer;
  ModelSource source = open_source(options, threads);
  source.fill = [weights](Parameters& parameters) { load_parameters(weights, parameters); };
  return source;
}

}  // namespace

SourceOptions source_of(const RunRecipe& recipe) {
  SourceOptions options;
  options.gguf = recipe.model;
  if (recipe.projector != RunRecipe().projector)
    options.projector = parse_projector_type(recipe.projector, "recipe");
  ConvertOptions& files = options.files;
  files.run_dir = recipe.run;
  files.llm = recipe.llm;
  files.checkpoint = recipe.checkpoint;
  files.dino = recipe.dino;
  files.siglip = recipe.siglip;
  files.clip = recipe.clip_tower;
  files.tokenizer = recipe.tokenizer;
  files.dims = recipe.dims;
  return options;
}

ModelSource open_start(const RunRecipe& recipe, int threads) {
  const bool earlier_run = !recipe.model.empty() && fs::is_directory(recipe.model);
  return earlier_run ? open_earlier_run(recipe, threads) : open_source(source_of(recipe), threads);
}

}  // namespace cobra::train
