#include "train/run/chart.h"

#include <algorithm>
#include <cmath>

#include "chart/line_chart.h"

namespace cobra::train {
namespace {

constexpr size_t kMaxPoints = 1500;

/// The mean loss of each of at most kMaxPoints stretches of equal length; `reach` widens a stretch on both
/// sides.
std::vector<ChartPoint> means(const std::vector<double>& losses, size_t reach) {
  const size_t stretch = (losses.size() + kMaxPoints - 1) / kMaxPoints;
  std::vector<ChartPoint> points;
  for (size_t begin = 0; begin < losses.size(); begin += stretch) {
    const size_t end = std::min(losses.size(), begin + stretch);
    const size_t first = begin - std::min(begin, reach), last = std::min(losses.size(), end + reach);
    double sum = 0;
    int64_t count = 0;
    for (size_t i = first; i < last; ++i) {
      if (!std::isfinite(losses[i])) continue;
      sum += losses[i];
      ++count;
    }
    const double middle = static_cast<double>(begin + end + 1) / 2;
    if (count > 0) points.push_back({middle, sum / static_cast<double>(count)});
  }
  return points;
}

}  // namespace

std::string loss_chart(const std::vector<double>& losses, const std::string& title) {
  LineChart chart{.title = title, .x_label = "updates", .x_end = static_cast<double>(losses.size())};
  chart.lines.push_back({.points = means(losses, 0), .colour = "#9bbfe0"});
  chart.lines.push_back({.points = means(losses, std::max<size_t>(1, losses.size() / 100)), .width = 2});
  return svg(chart);
}

}  // namespace cobra::train
