#include "chart/line_chart.h"

#include <gmock/gmock.h>

#include <cmath>

namespace cobra {
namespace {

using testing::HasSubstr;
using testing::Not;

LineChart of(std::vector<ChartPoint> points) {
  LineChart chart;
  chart.lines.push_back({.points = std::move(points)});
  return chart;
}

/// Of the polyline numbered `index`, as it stands in the picture.
std::string polyline(const std::string& picture, int index = 0) {
  size_t at = 0;
  for (int i = 0; i <= index; ++i) at = picture.find(" points=\"", at) + 9;
  return picture.substr(at, picture.find('"', at) - at);
}

TEST(LineChartTest, PointsStandWhereTheAxesSay) {
  LineChart chart = of({{0, 0}, {5, 1}, {10, 2}});
  EXPECT_EQ(polyline(svg(chart)), "70.0,430.0 450.0,245.0 830.0,60.0 ");
  chart.x_end = 20;
  EXPECT_EQ(polyline(svg(chart)), "70.0,430.0 260.0,245.0 450.0,60.0 ");
}

TEST(LineChartTest, ALogarithmicAxisHasAPlaceForZero) {
  LineChart chart = of({{0, 1}, {1, 1}, {3, 1}});
  chart.logarithmic_x = true;
  EXPECT_EQ(polyline(svg(chart)), "70.0,60.0 450.0,60.0 830.0,60.0 ");
}

TEST(LineChartTest, EachSideHasItsOwnScale) {
  LineChart chart = of({{0, 1}, {1, 1}});
  chart.lines.push_back({.points = {{0, 500}, {1, 1000}}, .on_right = true});
  EXPECT_EQ(polyline(svg(chart), 0), "70.0,60.0 830.0,60.0 ");
  EXPECT_EQ(polyline(svg(chart), 1), "70.0,245.0 830.0,60.0 ");
}

TEST(LineChartTest, LabelsAndMarksAreWritten) {
  LineChart chart = of({{0, 12.34}, {768, 1234.5}});
  chart.lines[0].labelled = true;
  chart.x_marks = {0, 768};
  const std::string picture = svg(chart);
  for (const char* text : {">12.3<", ">1234<", ">0<", ">768<"}) EXPECT_THAT(picture, HasSubstr(text));
  chart.lines[0].labelled = false;
  EXPECT_THAT(svg(chart), Not(HasSubstr(">12.3<")));
}

TEST(LineChartTest, AnyTextAndAnyValueGiveAPicture) {
  LineChart chart = of({{0, NAN}, {1, INFINITY}, {2, 3}, {NAN, 4}});
  chart.title = "a < b & c\x1b";
  const std::string picture = svg(chart);
  EXPECT_THAT(picture, HasSubstr("a &lt; b &amp; c\uFFFD"));
  EXPECT_EQ(polyline(picture), "830.0,60.0 ");
  for (const LineChart& odd : {chart, LineChart{}, of({}), of({{0, 0}})}) {
    const std::string text = svg(odd);
    EXPECT_TRUE(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    EXPECT_THAT(text, Not(HasSubstr("nan")));
    EXPECT_THAT(text, Not(HasSubstr("inf")));
  }
}

}  // namespace
}  // namespace cobra
