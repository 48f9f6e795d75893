#include "data/mix_order.h"

#include <numeric>

#include "base/fail.h"
#include "base/python_random.h"

namespace cobra::data {
namespace {

void shuffle_thrice(PythonRandom& random, std::vector<uint32_t>& items) {
  for (int i = 0; i < 3; ++i) random.shuffle(items);
}

std::vector<uint32_t> numbers(int64_t first, int64_t count) {
  std::vector<uint32_t> items(static_cast<size_t>(count));
  std::iota(items.begin(), items.end(), static_cast<uint32_t>(first));
  return items;
}

}  // namespace

std::vector<uint32_t> mix_order(const MixSizes& sizes, uint32_t seed) {
  const int64_t before_lrv = sizes.llava + sizes.lvis;
  check(before_lrv + sizes.lrv < int64_t{1} << 32, "a mixture has at most 2^32 examples");
  std::vector<uint32_t> order = numbers(0, before_lrv);
  if (sizes.lvis > 0 || sizes.lrv == 0) {
    PythonRandom random(seed);
    shuffle_thrice(random, order);
  }
  if (sizes.lrv == 0) return order;

  PythonRandom random(seed);
  if (sizes.lvis > 0) {
    std::vector<uint32_t> other_file = numbers(0, sizes.llava + sizes.lrv);
    shuffle_thrice(random, other_file);
  }
  const std::vector<uint32_t> lrv = numbers(before_lrv, sizes.lrv);
  order.insert(order.end(), lrv.begin(), lrv.end());
  shuffle_thrice(random, order);
  return order;
}

}  // namespace cobra::data
