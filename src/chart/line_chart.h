// Curves over one axis as an SVG picture: the loss of a training run, speed against depth.
#pragma once

#include <string>
#include <vector>

namespace cobra {

struct ChartPoint {
  double x, y;
};

struct ChartLine {
  std::vector<ChartPoint> points = {};  // by x; those that are not finite are left out
  std::string colour = "#1f5f9f";       // an SVG colour
  double width = 1;                     // of the stroke, in pixels
  bool on_right = false;                // its values are read on the right axis
  bool labelled = false;                // a dot and the value at each point
};

/// Both axes of values begin at 0, as does the axis of x.
struct LineChart {
  std::string title = {}, x_label = {}, left_label = {}, right_label = {};
  std::vector<ChartLine> lines = {};
  double x_end = 0;                  // where the axis of x ends at least
  std::vector<double> x_marks = {};  // numbers written under it; round ones if there are none
  bool logarithmic_x = false;        // distances follow log(x + 1), so that 0 has its place
};

/// Any text and any values give a valid picture.
std::string svg(const LineChart& chart);

}  // namespace cobra
