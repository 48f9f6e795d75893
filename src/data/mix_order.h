// The order of the mixture: the one that the official scripts make, for any seed (theirs is 7).
#pragma once

#include <cstdint>
#include <vector>

namespace cobra::data {

constexpr uint32_t kMixSeed = 7;

/// How many records each data set has.
struct MixSizes {
  int64_t llava = 0;
  int64_t lvis = 0;
  int64_t lrv = 0;  // photos, then charts
};

/// A permutation of the records, numbered LLaVA first, then LVIS, then LRV.
///
/// Source: lvis_instruct_4v.py and lrv_instruct.py (scripts/additional-datasets) in TRI-ML/prismatic-vlms.
/// With LVIS, LLaVA + LVIS are shuffled three times by Python's random.Random(seed). With LRV, a fresh
/// generator first shuffles LLaVA + LRV three times (a file of its own there; here only its random numbers
/// count, and only if LVIS takes part), then the result of the first script + LRV three times. A single data
/// set, for which there is no official script, is shuffled three times.
std::vector<uint32_t> mix_order(const MixSizes& sizes, uint32_t seed);

}  // namespace cobra::data
