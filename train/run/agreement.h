// What the ranks of one run must have alike: else they would make different updates, and nobody would see it.
#pragma once

#include <functional>
#include <string>

#include "train/distributed/ranks.h"
#include "train/model/load.h"
#include "train/run/recipe.h"

namespace cobra::train {

// All ranks call these. Where one differs from the first, they throw an Error that names it, or RankLost when
// the other has thrown already.

/// Every key but those that name files, which may lie elsewhere on another machine, and the threads.
void check_same_recipe(const Ranks& ranks, const RunRecipe& recipe);
/// `what` is named in the error: "the examples".
void check_same(const Ranks& ranks, const std::string& what, const Hash128& digest);

/// Configuration, tokenizer, and those of the weights that `taken` accepts.
Hash128 model_digest(const ModelSource& source, const Parameters& weights,
                     const std::function<bool(const Parameter&)>& taken);

}  // namespace cobra::train
