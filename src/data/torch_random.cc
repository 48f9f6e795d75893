#include "data/torch_random.h"

#include <limits>
#include <numeric>

namespace cobra::data {

std::vector<int64_t> randperm_small(TorchGenerator& generator, int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i < n - 1; ++i) {
    const int64_t other = i + static_cast<int64_t>(generator.random() % static_cast<uint64_t>(n - i));
    std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(other)]);
  }
  return order;
}

std::vector<int64_t> randperm_large(TorchGenerator& generator, int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t other = generator.random64() % (i + 1);
    order[i] = order[other];
    order[other] = static_cast<int64_t>(i);
  }
  return order;
}

std::vector<int64_t> randperm(TorchGenerator& generator, int64_t n) {
  constexpr int64_t kLarge = std::numeric_limits<uint32_t>::max() / 20;
  return n < kLarge ? randperm_small(generator, n) : randperm_large(generator, n);
}

}  // namespace cobra::data
