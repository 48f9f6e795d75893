// cobra train run: a whole training run from a recipe.
#include <filesystem>
#include <memory>

#include "base/fail.h"
#include "cli/options.h"
#include "train/cli/commands.h"
#include "train/run/run.h"
#include "train/run/start.h"

namespace cobra::train {
namespace {

constexpr const char* kHelp =
    "A recipe is a JSON object whose keys are the flags above with _ for -; flags override it. Defaults are "
    "the paper's; --stage align has 1 epoch, updates of 256 examples, a rate of 1e-3 and no decay.\n"
    "The run folder gets recipe.json, metrics.jsonl, log.txt, loss.svg, checkpoints/, and at the end "
    "model.safetensors, config.json and model.gguf.\n"
    "torchrun, mpirun and srun start several processes of one run, which share the run folder.\n"
    "SIGINT and SIGTERM write a checkpoint before the program leaves.\n"
    "Examples:\n"
    "  cobra train run --model cobra-3b.gguf --data mix.json --images pictures --output runs/first\n"
    "  cobra train run recipe.json --learning-rate 1e-4 --output runs/second\n"
    "  cobra train run --resume runs/second";

struct RunFlags {
  std::string recipe, resume;
  RecipeFlags values;
};

RunRecipe recipe_of(RunFlags flags) {
  if (flags.resume.empty()) {
    const bool given = !flags.recipe.empty();
    return make_recipe(given ? read_json(flags.recipe) : Json::object(), given ? flags.recipe : "flags",
                       flags.values);
  }
  if (!flags.recipe.empty())
    throw UsageError("--resume takes the recipe of its run folder: leave the recipe out");
  if (flags.values.contains("output")) throw UsageError("--resume names the run folder: leave --output out");
  for (const auto& [name, value] : flags.values) {
    if (!may_change(name)) {
      throw UsageError(fmt::format("--resume goes on with the run as it was: '{}' cannot be changed", name));
    }
  }
  flags.values["output"] = flags.resume;
  const std::string path = (std::filesystem::path(flags.resume) / kRecipeFile).string();
  return make_recipe(read_json(path), path, flags.values);
}

}  // namespace

void add_run_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("run", "A whole run from a recipe: data in, model out");
  const auto flags = std::make_shared<RunFlags>();
  command->add_option("recipe", flags->recipe, "Recipe (JSON)")->type_name("RECIPE.json");
  command->add_option("--resume", flags->resume, "Go on with the run in this folder")->type_name("DIR");
  for (const RecipeField& field : recipe_fields()) {
    const auto set = [flags, &field](const std::string& text) {
      if (const std::string error = flag_error(field, text); !error.empty()) throw UsageError(error);
      flags->values[field.name] = text;
    };
    command->add_option_function<std::string>(flag_name(field.name), set, field.help)
        ->type_name(field.kind)
        ->default_str(default_text(field));
  }
  command->footer(kHelp);
  set_action(*command, [flags] {
    const int signal = run_training(recipe_of(*flags), !flags->resume.empty(), rank_environment());
    if (signal != 0) std::exit(128 + signal);
  });
}

}  // namespace cobra::train
