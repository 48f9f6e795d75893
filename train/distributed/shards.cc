#include "train/distributed/shards.h"

#include <algorithm>
#include <numeric>

namespace cobra::train {

std::vector<int> shard_owners(const std::vector<Parameter>& parameters, int ranks) {
  std::vector<size_t> largest_first(parameters.size());
  std::iota(largest_first.begin(), largest_first.end(), size_t{0});
  std::ranges::stable_sort(largest_first, std::greater(),
                           [&](size_t i) { return parameters[i].value.numel(); });
  std::vector<int64_t> load(static_cast<size_t>(ranks), 0);
  std::vector<int> owners(parameters.size());
  for (const size_t i : largest_first) {
    const auto least = std::ranges::min_element(load);
    *least += parameters[i].value.numel();
    owners[i] = static_cast<int>(least - load.begin());
  }
  return owners;
}

std::vector<Parameter> owned_by(const std::vector<Parameter>& parameters, int ranks, int rank) {
  const std::vector<int> owners = shard_owners(parameters, ranks);
  std::vector<Parameter> owned;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (owners[i] == rank) owned.push_back(parameters[i]);
  }
  return owned;
}

}  // namespace cobra::train
