#include "chart/line_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cobra {
namespace {

constexpr double kWidth = 900, kHeight = 480, kLeft = 70, kRight = 70, kTop = 60, kBottom = 50;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else if (static_cast<unsigned char>(c) < 0x20)
      result += "\uFFFD";  // no character of XML
    else
      result += c;
  }
  return result;
}

std::string text_at(double x, double y, const char* anchor, const std::string& text,
                    const std::string& style = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}{}>{}</text>\n", x, y, anchor,
                     style.empty() ? "" : " ", style, escaped(text));
}

bool is_finite(const ChartPoint& p) { return std::isfinite(p.x) && std::isfinite(p.y); }

/// 1, 2 or 5 times a power of ten, so that about `parts` of it make `range`.
double round_step(double range, double parts) {
  const double raw = range / parts, power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power) return factor * power;
  }
  return 10 * power;
}

std::string short_number(double value) {
  return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

class Drawing {
 public:
  explicit Drawing(const LineChart& chart) : chart_(chart), x_end_(std::max(chart.x_end, 1.0)) {
    for (const ChartLine& line : chart.lines) {
      for (const ChartPoint& p : line.points) {
        if (!is_finite(p)) continue;
        double& highest = line.on_right ? right_ : left_;
        x_end_ = std::max(x_end_, p.x);
        highest = std::max(highest, line.labelled ? p.y * 1.2 : p.y);  // room for the labels
      }
    }
    if (left_ <= 0) left_ = 1;
    if (right_ <= 0) right_ = 1;
  }

  std::string text() const {
    std::string result = frame() + left_axis() + x_axis();
    for (const ChartLine& line : chart_.lines) result += curve(line);
    return result + "</svg>\n";
  }

 private:
  const LineChart& chart_;
  double x_end_, left_ = 0, right_ = 0;

  double across(double x) const {
    const double share =
        chart_.logarithmic_x ? std::log1p(std::max(x, 0.0)) / std::log1p(x_end_) : x / x_end_;
    return kLeft + (kWidth - kLeft - kRight) * share;
  }
  double height(double y, bool on_right) const {
    return kHeight - kBottom - (kHeight - kTop - kBottom) * y / (on_right ? right_ : left_);
  }
  /// Of the first curve read on that side: its label has the same colour.
  std::string colour_of(bool on_right) const {
    for (const ChartLine& line : chart_.lines) {
      if (line.on_right == on_right) return fmt::format("fill=\"{}\"", line.colour);
    }
    return "";
  }

  std::string frame() const {
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
               "{1}\" "
               "font-family=\"sans-serif\" font-size=\"12\">\n"
               "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
               kWidth, kHeight) +
           text_at(kLeft, 24, "start", chart_.title, "font-size=\"15\"") +
           text_at(kLeft, 46, "start", chart_.left_label, colour_of(false)) +
           text_at(kWidth - kRight, 46, "end", chart_.right_label, colour_of(true));
  }

  std::string left_axis() const {
    std::string result;
    const double step = round_step(left_, 6);
    for (double v = 0; v <= left_ * 1.0001; v += step) {
      const double y = height(v, false);
      result += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>", kLeft,
                            kWidth - kRight, y, y) +
                text_at(kLeft - 8, y + 4, "end", fmt::format("{:g}", v));
    }
    return result;
  }

  std::string x_axis() const {
    std::vector<double> marks = chart_.x_marks;
    if (marks.empty()) {
      const double step = std::max(1.0, round_step(x_end_, 8));
      for (double x = 0; x <= x_end_ * 1.0001; x += step) marks.push_back(x);
    }
    std::string result;
    for (const double mark : marks) {
      result += text_at(across(mark), kHeight - kBottom + 20, "middle",
                        fmt::format("{:.{}f}", mark, mark == std::floor(mark) ? 0 : 2));
    }
    return result + text_at((kLeft + kWidth - kRight) / 2, kHeight - 12, "middle", chart_.x_label);
  }

  std::string curve(const ChartLine& line) const {
    std::string points, labels;
    for (const ChartPoint& p : line.points) {
      if (!is_finite(p)) continue;
      const double x = across(p.x), y = height(p.y, line.on_right);
      points += fmt::format("{:.1f},{:.1f} ", x, y);
      if (!line.labelled) continue;
      labels += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>", x, y, line.colour) +
                text_at(x, line.on_right ? y + 18 : y - 8, "middle", short_number(p.y),
                        fmt::format("fill=\"{}\"", line.colour));
    }
    return fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{:g}\" points=\"{}\"/>\n",
                       line.colour, line.width, points) +
           labels;
  }
};

}  // namespace

std::string svg(const LineChart& chart) { return Drawing(chart).text(); }

}  // namespace cobra
