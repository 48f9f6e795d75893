// Which rank keeps the optimiser's state of which parameter. Source: ZeRO (arXiv 1910.02054), stage 1.
#pragma once

#include <vector>

#include "train/model/parameters.h"

namespace cobra::train {

/// An owner for each parameter: the largest first, each to the rank that has least so far. The same on every
/// rank.
std::vector<int> shard_owners(const std::vector<Parameter>& parameters, int ranks);

/// Those that `rank` owns, in order.
std::vector<Parameter> owned_by(const std::vector<Parameter>& parameters, int ranks, int rank);

}  // namespace cobra::train
