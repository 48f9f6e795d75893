// A training run as a file: what learns, from which data, by which numbers. Source of names and defaults: the
// paper (arXiv 2403.14520) and the official conf/models.py.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "formats/json.h"

namespace cobra::train {

struct RunRecipe {
  // What learns
  std::string stage = "finetune";
  std::string model;  // a GGUF or the folder of an earlier run of this program; or:
  std::string run;    // the folder of an official run, with the towers; or:
  std::string llm;    // a Mamba, with the towers and a new projector
  std::string checkpoint, dino, siglip, clip_tower, dims;  // of run and llm
  std::string tokenizer;                                   // of any; a model may have its own
  std::string projector = "fused-gelu-mlp";                // of a new projector
  // From what
  std::string data, images;
  std::string output;         // the run folder
  std::string feature_cache;  // folder; empty: features of frozen towers are made again each epoch
  // How
  int64_t epochs = 2;
  int64_t max_steps = 0;   // 0: all of the epochs
  int64_t stop_after = 0;  // updates; 0: max_steps
  int64_t global_batch_size = 128;
  int64_t per_device_batch_size = 8;
  std::string optimizer = "adamw";
  double learning_rate = 2e-5;
  std::string lr_schedule = "linear-warmup+cosine-decay";
  double warmup_ratio = 0.03;
  double weight_decay = 0.1;
  double max_grad_norm = 1.0;
  std::string precision = "bf16";
  bool activation_checkpointing = true;
  int64_t max_length = 2048;  // text tokens of an example
  int64_t seed = 7;
  // Keeping
  int64_t save_every = 500;  // updates, and at the last; 0: no checkpoints but at a signal
  int64_t keep_checkpoints = 2;
  std::string export_type = "f32";  // of model.gguf
  // The machine
  int64_t threads = 0;  // 0: one for each core, divided among the ranks that share them
};

/// One key of the file, which is also the flag --name-with-dashes.
struct RecipeField {
  using Member =
      std::variant<std::string RunRecipe::*, int64_t RunRecipe::*, double RunRecipe::*, bool RunRecipe::*>;
  const char* name;
  Member member;
  const char* kind;  // of value, as helps show it: FILE, INT
  const char* help;
  double low = 0, high = 0;  // of numbers, inclusive
};
const std::vector<RecipeField>& recipe_fields();

/// "global_batch_size" as "--global-batch-size".
std::string flag_name(std::string field);

/// Values given as flags, by field name, as the user wrote them.
using RecipeFlags = std::map<std::string, std::string>;

/// Defaults of the stage, then the file's values, then the flags'. `source` names the file in errors. Throws
/// Error naming a key that is unknown, of another type or out of range.
RunRecipe make_recipe(const Json& file, const std::string& source, const RecipeFlags& flags);

/// What is wrong with a flag's text for this field, or "".
std::string flag_error(const RecipeField& field, const std::string& text);
/// The field's default as a flag would give it; "" for an empty text.
std::string default_text(const RecipeField& field);

/// Whether a field may differ when a run goes on: nothing that its losses depend on may.
bool may_change(const std::string& field);

/// The digits of a digest of what every update of a run depends on, whatever its length: numbers and names
/// but those that may change. Of files and folders the contents count, not the paths.
std::string recipe_digest(const RunRecipe& recipe);

/// Checks what the fields must be to each other and that files exist, before anything starts.
void check_recipe(const RunRecipe& recipe);

/// Every field, in the order of the table.
Json to_json(const RunRecipe& recipe);

}  // namespace cobra::train
