#include "image/resample_axis.h"

#include <algorithm>
#include <cmath>

namespace cobra {
namespace {

constexpr double kBicubicSupport = 2.0;

/// Keys' cubic convolution kernel with a = -0.5, in the order of operations that makes the doubles equal to
/// Pillow's.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

int32_t to_fixed_point(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/// The canvas positions [begin, begin + weights.size()) under the filter at one output, with their weights.
struct FilterWindow {
  int64_t begin = 0;
  std::vector<double> weights;

  void place(int64_t output, const AxisGeometry& g) {
    const double scale = static_cast<double>(g.canvas_size) / static_cast<double>(g.scaled_size);
    const double filter_scale =
        std::max(scale, 1.0);  // the filter widens when the picture shrinks: antialiasing
    const double support = kBicubicSupport * filter_scale;
    const double step = 1.0 / filter_scale;
    const double center = (static_cast<double>(output) + 0.5) * scale;
    begin = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t end = std::min(static_cast<int64_t>(center + support + 0.5), g.canvas_size);

    weights.resize(static_cast<size_t>(end - begin));
    double sum = 0.0;
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i] = bicubic((static_cast<double>(i) + static_cast<double>(begin) - center + 0.5) * step);
      sum += weights[i];
    }
    if (sum == 0.0) return;
    for (double& weight : weights) weight /= sum;
  }
};

}  // namespace

ResampleAxis::ResampleAxis(const AxisGeometry& g) {
  const int64_t margin_end = g.margin_before + g.picture_size;
  FilterWindow window;
  std::vector<int32_t> packed;  // the weights inside the picture, without gaps
  for (int64_t i = g.first; i < g.first + g.count; ++i) {
    window.place(i, g);
    const int64_t window_end = window.begin + static_cast<int64_t>(window.weights.size());
    const int64_t begin = std::clamp(window.begin, g.margin_before, margin_end);
    const int64_t end = std::clamp(window_end, g.margin_before, margin_end);
    AxisOutput output{static_cast<int>(begin - g.margin_before), static_cast<int>(end - g.margin_before), 0};
    for (int64_t position = window.begin; position < window_end; ++position) {
      const int32_t weight = to_fixed_point(window.weights[static_cast<size_t>(position - window.begin)]);
      if (position >= begin && position < end) {
        packed.push_back(weight);
      } else {
        output.margin_weight += weight;
      }
    }
    max_taps = std::max(max_taps, output.end - output.begin);
    outputs.push_back(output);
  }

  weights.resize(outputs.size() * static_cast<size_t>(max_taps));
  auto next = packed.begin();
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto taps = outputs[i].end - outputs[i].begin;
    std::copy_n(next, taps, weights.begin() + static_cast<int64_t>(i) * max_taps);
    next += taps;
  }
}

}  // namespace cobra
