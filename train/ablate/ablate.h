// Runs a grid and makes one table of it.
#pragma once

#include <string>

#include "train/ablate/grid.h"

namespace cobra::train {

/// Trains every cell with every seed into <output>/<cell>/seed-<n>; what is finished already is not made
/// again, what was interrupted goes on. Then writes <output>/table.md and table.csv: for each cell the mean
/// and the standard deviation over the seeds of the last loss (of the last tenth of the updates) and of the
/// score. All recipes are checked before the first run starts. Returns 0 or the number of the signal that
/// stopped it.
int run_grid(const Grid& grid, const std::string& source);

}  // namespace cobra::train
