#include "train/run/recipe.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/dtype.h"
#include "base/fail.h"
#include "base/hash.h"
#include "model/schema.h"
#include "tokenizer/unicode_text.h"
#include "train/model/cobra_vlm.h"
#include "train/optim/optimizer.h"
#include "train/optim/schedule.h"
#include "train/run/start.h"

namespace cobra::train {
namespace {

constexpr double kMany = 1e15;  // exact in a double

const RecipeField& find_field(const std::string& name, const std::string& source) {
  for (const RecipeField& field : recipe_fields()) {
    if (name == field.name) return field;
  }
  std::vector<std::string> known;
  for (const RecipeField& field : recipe_fields()) known.emplace_back(field.name);
  fail("{}: key '{}' is unknown: expected one of {}", source, printable(name), fmt::join(known, ", "));
}

void check_range(const RecipeField& field, double value, const std::string& source) {
  check(value >= field.low && value <= field.high, "{}: '{}' must be from {} to {}, found {}", source,
        field.name, field.low, field.high, value);
}

/// Sets a member from JSON, whose type must fit.
struct Setter {
  RunRecipe& recipe;
  const RecipeField& field;
  const Json& value;
  const std::string& source;

  void expect(bool ok, const char* what) const {
    check(ok, "{}: '{}' must be {}, found {}", source, field.name, what,
          printable(value.dump(-1, ' ', false, Json::error_handler_t::replace)));
  }
  void operator()(std::string RunRecipe::*member) const {
    expect(value.is_string(), "a text");
    recipe.*member = value.get<std::string>();
  }
  void operator()(bool RunRecipe::*member) const {
    expect(value.is_boolean(), "true or false");
    recipe.*member = value.get<bool>();
  }
  void operator()(int64_t RunRecipe::*member) const {
    expect(value.is_number_integer(), "an integer");
    check_range(field, value.get<double>(), source);
    recipe.*member = value.get<int64_t>();
  }
  void operator()(double RunRecipe::*member) const {
    expect(value.is_number(), "a number");
    check_range(field, value.get<double>(), source);
    recipe.*member = value.get<double>();
  }
};

/// A flag's text as JSON: itself for texts, else what the text reads as.
Json flag_value(const RecipeField& field, const std::string& text) {
  if (std::holds_alternative<std::string RunRecipe::*>(field.member)) return text;
  if (text == "true") return true;
  if (text == "false") return false;
  int64_t integer = 0;
  const char* const end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, integer); read.ec == std::errc() && read.ptr == end)
    return integer;
  double number = 0;
  if (const auto read = std::from_chars(text.data(), end, number);
      read.ec == std::errc() && read.ptr == end && std::isfinite(number))
    return number;
  return text;  // of no fitting type, which is said where it is set
}

void set(RunRecipe& recipe, const std::string& name, const Json& value, const std::string& source) {
  const RecipeField& field = find_field(name, source);
  std::visit(Setter{recipe, field, value, source}, field.member);
}

/// The align stage has other defaults than the paper's finetune.
RunRecipe defaults_of(const std::string& stage) {
  RunRecipe recipe;
  recipe.stage = stage;
  if (parse_stage(stage) == Stage::align) {
    recipe.epochs = 1;
    recipe.global_batch_size = 256;
    recipe.learning_rate = 1e-3;
    recipe.weight_decay = 0;
  }
  return recipe;
}

std::string stage_of(const Json& file, const RecipeFlags& flags) {
  if (const auto flag = flags.find("stage"); flag != flags.end()) return flag->second;
  const auto key = file.find("stage");
  return key != file.end() && key->is_string() ? key->get<std::string>() : RunRecipe().stage;
}

void check_exist(const RunRecipe& r) {
  const std::pair<const char*, const std::string&> paths[] = {
      {"model", r.model},           {"run", r.run},   {"llm", r.llm},       {"dino", r.dino},
      {"siglip", r.siglip},         {"data", r.data}, {"images", r.images}, {"tokenizer", r.tokenizer},
      {"clip_tower", r.clip_tower},
  };
  for (const auto& [field, path] : paths) {
    std::error_code error;
    check(path.empty() || std::filesystem::exists(path, error), "{}: '{}': no such file or folder",
          printable(path, 1000), field);
  }
}

void check_names(const RunRecipe& r) {
  parse_stage(r.stage);
  parse_precision(r.precision);
  parse_schedule(r.lr_schedule);
  parse_optimizer(r.optimizer);
  parse_projector_type(r.projector, "recipe");
  check(r.export_type == "f32" || r.export_type == "bf16" || r.export_type == "f16",
        "recipe: 'export_type' must be f32, bf16 or f16, found '{}'", printable(r.export_type));
}

/// The recipe is kept as JSON, which has no other texts.
void check_utf8(const RunRecipe& recipe) {
  for (const RecipeField& field : recipe_fields()) {
    const auto* const member = std::get_if<std::string RunRecipe::*>(&field.member);
    if (member == nullptr) continue;
    const std::string& text = recipe.**member;
    check(replace_invalid_utf8(text) == text, "recipe: '{}' must be UTF-8, found '{}'", field.name,
          printable(text, 1000));
  }
}

}  // namespace

std::string flag_name(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

const std::vector<RecipeField>& recipe_fields() {
  using R = RunRecipe;
  static const std::vector<RecipeField> kFields = {
      {"stage", &R::stage, "NAME",
       "What learns: align (projector), finetune (and language model), full-finetune"},
      {"model", &R::model, "FILE|DIR", "Start from: a GGUF, or the folder of an earlier run; or:"},
      {"run", &R::run, "DIR", "Start from: folder of an official run, with config.json; or:"},
      {"llm", &R::llm, "FILE", "Start from: weights of a Mamba, with a new projector"},
      {"checkpoint", &R::checkpoint, "FILE", "Of the official run (checkpoints/latest-checkpoint.pt)"},
      {"dino", &R::dino, "FILE", "DINOv2 weights (timm), with run and llm"},
      {"siglip", &R::siglip, "FILE", "SigLIP weights (timm or open_clip)"},
      {"clip_tower", &R::clip_tower, "FILE", "CLIP weights (timm)"},
      {"tokenizer", &R::tokenizer, "FILE", "Hugging Face tokenizer.json; with model: instead of its own"},
      {"dims", &R::dims, "FILE", "JSON with what weights do not tell"},
      {"projector", &R::projector, "NAME", "Of the new projector, with llm"},
      {"data", &R::data, "FILE", "Examples: JSON as LLaVA has it"},
      {"images", &R::images, "DIR", "Folder that the pictures' names start from"},
      {"output", &R::output, "DIR", "Run folder to make"},
      {"feature_cache", &R::feature_cache, "DIR",
       "Folder for features of frozen towers, which are then made once"},
      {"epochs", &R::epochs, "INT", "Times that every example is seen", 1, 1e6},
      {"max_steps", &R::max_steps, "INT", "Updates at most; 0: all of the epochs", 0, kMany},
      {"stop_after", &R::stop_after, "INT",
       "End after so many updates, although the learning rate is on its way to the last; 0: do not", 0,
       kMany},
      {"global_batch_size", &R::global_batch_size, "INT", "Examples of one update", 1, 1e7},
      {"per_device_batch_size", &R::per_device_batch_size, "INT", "Examples of one forward pass", 1, 1e6},
      {"optimizer", &R::optimizer, "NAME", "adamw, or muon for hidden matrices and adamw for the rest"},
      {"learning_rate", &R::learning_rate, "NUMBER", "Its peak", 0, 10},
      {"lr_schedule", &R::lr_schedule, "NAME", "linear-warmup+cosine-decay or constant"},
      {"warmup_ratio", &R::warmup_ratio, "NUMBER", "Part of the updates in which the rate rises", 0, 1},
      {"weight_decay", &R::weight_decay, "NUMBER", "Of matrices", 0, 10},
      {"max_grad_norm", &R::max_grad_norm, "NUMBER", "Largest norm of the gradient", 1e-12, 1e12},
      {"precision", &R::precision, "NAME", "Of matrix products: float32 or bf16"},
      {"activation_checkpointing", &R::activation_checkpointing, "true|false",
       "Make a layer's activations again instead of keeping them"},
      {"max_length", &R::max_length, "INT", "Text tokens of an example; longer ones are cut", 1, 1 << 24},
      {"seed", &R::seed, "INT", "Of the examples' order", 0, kMany},
      {"save_every", &R::save_every, "INT",
       "Updates between checkpoints, the last has one too; 0: only at a signal", 0, kMany},
      {"keep_checkpoints", &R::keep_checkpoints, "INT", "How many of the last checkpoints are kept", 1, 1e6},
      {"export_type", &R::export_type, "TYPE", "Type of model.gguf's matrices: f32, bf16, f16"},
      {"threads", &R::threads, "INT",
       "Threads of each process; 0: one for each core, divided among the processes that share them", 0, 1024},
  };
  return kFields;
}

RunRecipe make_recipe(const Json& file, const std::string& source, const RecipeFlags& flags) {
  check(file.is_object(), "{}: a recipe must be a JSON object", source);
  RunRecipe recipe = defaults_of(stage_of(file, flags));
  for (const auto& [name, value] : file.items()) set(recipe, name, value, source);
  for (const auto& [name, text] : flags) {
    set(recipe, name, flag_value(find_field(name, "flag"), text), flag_name(name));
  }
  return recipe;
}

std::string flag_error(const RecipeField& field, const std::string& text) {
  RunRecipe scratch;
  try {
    set(scratch, field.name, flag_value(field, text), flag_name(field.name));
    check_names(scratch);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string default_text(const RecipeField& field) {
  const Json value = to_json(RunRecipe())[field.name];
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void check_recipe(const RunRecipe& r) {
  check_utf8(r);
  check_names(r);
  const int starts = !r.model.empty() + !r.run.empty() + !r.llm.empty();
  check(starts == 1, "recipe: expected exactly one of 'model', 'run' and 'llm', found {}", starts);
  const std::string unread =
      unread_part(source_of(r), [](const std::string& name) { return "'" + name + "'"; });
  check(unread.empty(), "recipe: {}", unread);
  check(!r.data.empty(), "recipe: 'data' is missing: the file of examples");
  check(!r.output.empty(), "recipe: 'output' is missing: the run folder");
  check(r.feature_cache.empty() || parse_stage(r.stage) != Stage::full_finetune,
        "recipe: 'feature_cache' is for frozen towers, but full-finetune teaches them");
  check_exist(r);
  check(r.global_batch_size % r.per_device_batch_size == 0,
        "recipe: 'global_batch_size' {} must be a multiple of 'per_device_batch_size' {}",
        r.global_batch_size, r.per_device_batch_size);
}

bool may_change(const std::string& field) {
  return field == "threads" || field == "save_every" || field == "keep_checkpoints" || field == "output" ||
         field == "feature_cache";
}

std::string recipe_digest(const RunRecipe& recipe) {
  const Json all = to_json(recipe);
  std::string text;
  for (const RecipeField& field : recipe_fields()) {
    const std::string_view name = field.name;
    const bool length = name == "epochs" || name == "max_steps" || name == "stop_after";
    const bool path_or_type = std::holds_alternative<std::string RunRecipe::*>(field.member) &&
                              field.kind != std::string_view("NAME");
    if (length || path_or_type || may_change(field.name)) continue;
    text += fmt::format("{}={}\n", name, all[field.name].dump());
  }
  return to_hex(content_hash(std::as_bytes(std::span(text))));
}

Json to_json(const RunRecipe& recipe) {
  Json json = Json::object();
  for (const RecipeField& field : recipe_fields()) {
    std::visit([&](auto member) { json[field.name] = recipe.*member; }, field.member);
  }
  return json;
}

}  // namespace cobra::train
