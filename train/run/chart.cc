#include "train/run/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cobra::train {
namespace {

constexpr double kWidth = 900, kHeight = 480, kLeft = 70, kRight = 20, kTop = 40, kBottom = 50;
constexpr size_t kMaxPoints = 1500;

struct Point {
  double step, loss;
};

/// The mean loss of each of at most kMaxPoints stretches of equal length; `reach` widens a stretch on both
/// sides.
std::vector<Point> means(const std::vector<double>& losses, size_t reach) {
  const size_t stretch = (losses.size() + kMaxPoints - 1) / kMaxPoints;
  std::vector<Point> points;
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

/// 1, 2 or 5 times a power of ten, so that about `parts` of it make `range`.
double round_step(double range, double parts) {
  const double raw = range / parts, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power) return factor * power;
  }
  return 10 * power;
}

class Chart {
 public:
  Chart(double steps, double highest) : steps_(std::max(steps, 1.0)), highest_(highest > 0 ? highest : 1.0) {}

  double x(double step) const { return kLeft + (kWidth - kLeft - kRight) * step / steps_; }
  double y(double loss) const { return kHeight - kBottom - (kHeight - kTop - kBottom) * loss / highest_; }

  std::string line(const std::vector<Point>& points, const char* style) const {
    std::string text;
    for (const Point& p : points) text += fmt::format("{:.1f},{:.1f} ", x(p.step), y(p.loss));
    return fmt::format("<polyline fill=\"none\" {} points=\"{}\"/>\n", style, text);
  }

  std::string axes() const {
    std::string text;
    const double rows = round_step(highest_, 6), columns = std::max(1.0, round_step(steps_, 8));
    for (double v = 0; v <= highest_ * 1.0001; v += rows) {
      text += fmt::format(
          "<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>"
          "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n",
          kLeft, kWidth - kRight, y(v), y(v), kLeft - 8, y(v) + 4, v);
    }
    for (double s = 0; s <= steps_ * 1.0001; s += columns) {
      text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:g}</text>\n", x(s),
                          kHeight - kBottom + 20, s);
    }
    return text;
  }

 private:
  double steps_, highest_;
};

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else
      result += c;
  }
  return result;
}

}  // namespace

std::string loss_chart(const std::vector<double>& losses, const std::string& title) {
  const std::vector<Point> raw = means(losses, 0);
  const std::vector<Point> smooth = means(losses, std::max<size_t>(1, losses.size() / 100));
  double highest = 0;
  for (const Point& point : raw) highest = std::max(highest, point.loss);
  const Chart chart(static_cast<double>(losses.size()), highest);
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
             "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" "
             "fill=\"white\"/>\n<text x=\"{2}\" y=\"24\" font-size=\"15\">{3}</text>\n",
             kWidth, kHeight, kLeft, escaped(title)) +
         chart.axes() + chart.line(raw, "stroke=\"#9bbfe0\" stroke-width=\"1\"") +
         chart.line(smooth, "stroke=\"#1f5f9f\" stroke-width=\"2\"") +
         fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">updates</text>\n</svg>\n",
                     (kLeft + kWidth - kRight) / 2, kHeight - 12);
}

}  // namespace cobra::train
