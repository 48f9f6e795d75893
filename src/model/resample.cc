#include "model/resample.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"

namespace cobra {
namespace {

/// Weights of the inputs first, first + 1, ... for one output.
struct Window {
  int64_t first = 0;
  std::vector<float> weights;
};

/// Keys' cubic with a = -0.5, the value torch uses where it antialiases (-0.75 where it does not).
float cubic(float x) {
  constexpr float a = -0.5f;
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// The filter is stretched by the scale where the grid shrinks; weights are normalised to a sum of one.
std::vector<Window> windows(int64_t from, int64_t to) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  const float stretch = std::max(scale, 1.0f);
  const float support = 2 * stretch;
  std::vector<Window> result(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    Window& window = result[static_cast<size_t>(i)];
    const float center = scale * (static_cast<float>(i) + 0.5f);
    window.first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5f), 0);
    const int64_t end = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5f), from);
    float sum = 0;
    for (int64_t j = window.first; j < end; ++j) {
      window.weights.push_back(cubic((static_cast<float>(j) - center + 0.5f) * (1 / stretch)));
      sum += window.weights.back();
    }
    for (float& weight : window.weights) weight /= sum;
  }
  return result;
}

/// out[i] = sum of weights x in[first + k], each element a run of `run` values, for `outer` independent
/// groups.
std::vector<float> filter(const float* in, int64_t outer, int64_t from, int64_t run,
                          const std::vector<Window>& filters) {
  const auto to = static_cast<int64_t>(filters.size());
  std::vector<float> out(static_cast<size_t>(outer * to * run));
  for (int64_t group = 0; group < outer; ++group) {
    for (int64_t i = 0; i < to; ++i) {
      const Window& window = filters[static_cast<size_t>(i)];
      float* row = out.data() + (group * to + i) * run;
      for (size_t k = 0; k < window.weights.size(); ++k) {
        const float* source = in + (group * from + window.first + static_cast<int64_t>(k)) * run;
        for (int64_t c = 0; c < run; ++c) row[c] += window.weights[k] * source[c];
      }
    }
  }
  return out;
}

}  // namespace

std::vector<float> resample_positions(const std::vector<float>& table, int64_t prefix, int64_t from,
                                      int64_t to, int64_t width) {
  const int64_t expected = checked_mul(prefix + from * from, width, "position embedding");
  check(from > 0 && to > 0 && static_cast<int64_t>(table.size()) == expected,
        "position embedding: expected {} values for {} + {} x {} rows of {}, found {}", expected, prefix,
        from, from, width, table.size());
  if (from == to) return table;
  const std::vector<Window> filters = windows(from, to);
  const float* grid = table.data() + prefix * width;
  const std::vector<float> narrowed = filter(grid, from, from, width, filters);  // [from, to, width]
  const std::vector<float> square = filter(narrowed.data(), 1, from, to * width, filters);  // [to, to, width]
  std::vector<float> result(table.begin(), table.begin() + prefix * width);
  result.insert(result.end(), square.begin(), square.end());
  return result;
}

}  // namespace cobra
