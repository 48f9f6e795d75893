// What the ranks of one run must have alike: else they would make different updates, and nobody would see it.
#pragma once

#include <string>

#include "train/distributed/ranks.h"
#include "train/run/recipe.h"

namespace cobra::train {

// All ranks call these; where one differs from the first, all throw an Error that names it.

/// Every key but those that name files, which may lie elsewhere on another machine, and the threads.
void check_same_recipe(const Ranks& ranks, const RunRecipe& recipe);
/// `what` is named in the error: "the examples".
void check_same(const Ranks& ranks, const std::string& what, const Hash128& digest);

}  // namespace cobra::train
