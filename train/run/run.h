// A whole training run: `cobra train run`. Source of the loop: Cobra's training/strategies/base_strategy.py.
#pragma once

#include <string>

#include "train/distributed/environment.h"
#include "train/run/recipe.h"

namespace cobra::train {

/// Trains as the recipe says and leaves in its output folder: recipe.json, metrics.jsonl, log.txt, loss.svg,
/// checkpoints/, and at the end model.safetensors, config.json and model.gguf. With `resume` the run in that
/// folder goes on behind its last checkpoint, and its losses are those of a run that was never interrupted.
/// Returns 0, or the number of the signal that stopped it (after a checkpoint was written). Throws Error for
/// whatever does not fit, before anything is written as far as it can be known before. With several ranks
/// each calls it; they share the run folder, into which the first writes.
int run_training(const RunRecipe& recipe, bool resume, const RankEnvironment& environment = {});

}  // namespace cobra::train
