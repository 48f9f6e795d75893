#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cobra::bench {
namespace {

std::string number(double value) {
  return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

std::string row(const Figure& figure) {
  const auto [low, high] = std::minmax_element(figure.values.begin(), figure.values.end());
  const double fraction = figure.fraction_of_ceiling();
  return fmt::format("{:<44} {:>10} {:<9} {:>10} {:>10} {:>8}\n", figure.name, number(figure.value()),
                     figure.unit, number(*low), number(*high),
                     std::isnan(fraction) ? "" : fmt::format("{:.2f}", fraction));
}

Json to_json(const Figure& figure) {
  const auto [low, high] = std::minmax_element(figure.values.begin(), figure.values.end());
  const double fraction = figure.fraction_of_ceiling();
  return {{"name", figure.name}, {"value", figure.value()},
          {"unit", figure.unit}, {"fraction_of_ceiling", std::isnan(fraction) ? Json() : Json(fraction)},
          {"min", *low},         {"max", *high}};
}

constexpr double kWidth = 640, kHeight = 320, kLeft = 60, kRight = 60, kTop = 40, kBottom = 50;

/// Depths on a logarithmic axis that begins at 0.
double across(double depth, double deepest) {
  return kLeft + (kWidth - kLeft - kRight) * std::log2(depth + 1) / std::log2(deepest + 1);
}

std::string curve(const std::vector<Figure>& figures, const char* unit, double deepest, const char* colour,
                  bool axis_on_the_left) {
  double highest = 0;
  for (const Figure& f : figures) {
    if (f.depth >= 0 && f.unit == unit) highest = std::max(highest, f.value());
  }
  highest *= 1.25;
  std::string points, marks;
  for (const Figure& f : figures) {
    if (f.depth < 0 || f.unit != unit) continue;
    const double x = across(f.depth, deepest),
                 y = kHeight - kBottom - (kHeight - kTop - kBottom) * f.value() / highest;
    points += fmt::format("{:.1f},{:.1f} ", x, y);
    marks += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/><text x=\"{:.1f}\" y=\"{:.1f}\" "
        "text-anchor=\"middle\" fill=\"{}\">{}</text>\n",
        x, y, colour, x, y - 8, colour, number(f.value()));
  }
  return fmt::format("<polyline fill=\"none\" stroke=\"{}\" points=\"{}\"/>\n{}", colour, points, marks) +
         fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" fill=\"{}\">{}</text>\n",
                     axis_on_the_left ? kLeft : kWidth - kRight, kTop - 14,
                     axis_on_the_left ? "start" : "end", colour, unit);
}

}  // namespace

std::string table(const Model& model, const BenchResult& result) {
  const Ceilings& c = result.ceilings;
  const Runtime& runtime = model.runtime();
  std::string text = fmt::format(
      "{}, {} threads; model of {:.2f} GB, {:.2f} GB read for a token, state of {:.1f} MB\n"
      "ceilings: memory read {:.1f} GB/s; products of a prompt {:.2f} TFLOP/s, oneDNN's in {} {:.2f}; of 16 "
      "tokens {:.2f}\n\n",
      runtime.isa(), runtime.threads(), static_cast<double>(model.file_bytes()) / 1e9,
      static_cast<double>(model.decode_bytes()) / 1e9, static_cast<double>(result.state_bytes) / 1e6,
      c.read_gb_per_s, c.bf16_tflop_per_s, c.bf16 ? "bfloat16" : "float32", c.onednn_bf16_tflop_per_s,
      c.int8_tflop_per_s);
  text += fmt::format("{:<44} {:>10} {:<9} {:>10} {:>10} {:>8}\n", "", "median", "", "lowest", "highest",
                      "ceiling");
  for (const Figure& figure : result.figures) text += row(figure);
  return text +
         "\nceiling: what part of the machine's it is. Decoding: one read of the weights for each token and "
         "session.\n"
         "Prompts and pictures: the time of the matrix products alone at oneDNN's rate. Memory: the file's "
         "size.\n";
}

Json to_json(const Model& model, const BenchResult& result) {
  const Ceilings& c = result.ceilings;
  Json results = Json::array();
  for (const Figure& figure : result.figures) results.push_back(to_json(figure));
  return {{"ceilings",
           {{"read_gb_per_s", c.read_gb_per_s},
            {"bf16_tflop_per_s", c.bf16_tflop_per_s},
            {"int8_tflop_per_s", c.int8_tflop_per_s},
            {"onednn_bf16_tflop_per_s", c.onednn_bf16_tflop_per_s},
            {"onednn_in_bf16", c.bf16}}},
          {"results", std::move(results)},
          {"machine",
           {{"isa", model.runtime().isa()},
            {"threads", model.runtime().threads()},
            {"bf16_products", model.runtime().bf16_products()}}},
          {"model",
           {{"file_bytes", model.file_bytes()},
            {"decode_bytes", model.decode_bytes()},
            {"state_bytes", result.state_bytes}}}};
}

std::string depth_chart(const BenchResult& result) {
  double deepest = 1;
  for (const Figure& figure : result.figures) deepest = std::max(deepest, figure.depth);
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
      "<line x1=\"{2}\" x2=\"{3}\" y1=\"{4}\" y2=\"{4}\" stroke=\"#888\"/>\n",
      kWidth, kHeight, kLeft, kWidth - kRight, kHeight - kBottom);
  for (const Figure& figure : result.figures) {
    if (figure.depth < 0 || figure.unit != "tokens/s") continue;
    text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                        across(figure.depth, deepest), kHeight - kBottom + 18, figure.depth);
  }
  text += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">tokens read before</text>\n",
                      kWidth / 2, kHeight - 10);
  return text + curve(result.figures, "tokens/s", deepest, "#1f5fbf", true) +
         curve(result.figures, "GB", deepest, "#b0440f", false) + "</svg>\n";
}

}  // namespace cobra::bench
