#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chart/line_chart.h"

namespace cobra::bench {
namespace {

std::string number(double value) {
  return value >= 100 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

const char* product_type(bool bf16) { return bf16 ? "bfloat16" : "float32"; }

bool position_was_set(const Figure& figure) { return figure.depth > figure.tokens_read; }

std::string row(const Figure& figure) {
  const double fraction = figure.fraction_of_ceiling();
  return fmt::format("{:<44} {:>10} {:<9} {:>10} {:>10} {:>8}\n",
                     figure.name + (position_was_set(figure) ? " *" : ""), number(figure.value()),
                     figure.unit, number(figure.lowest()), number(figure.highest()),
                     std::isnan(fraction) ? "" : fmt::format("{:.2f}", fraction));
}

Json or_null(double value, bool applies) { return applies ? Json(value) : Json(); }

Json to_json(const Figure& figure) {
  Json json = {{"group", figure.group},
               {"name", figure.name},
               {"value", figure.value()},
               {"unit", figure.unit},
               {"fraction_of_ceiling", or_null(figure.fraction_of_ceiling(), figure.has_ceiling())},
               {"ceiling", figure.has_ceiling() ? Json(figure.ceiling()) : Json()},
               {"min", figure.lowest()},
               {"max", figure.highest()},
               {"runs", figure.values.size()}};
  if (figure.depth >= 0) {
    json["depth"] = figure.depth;
    json["depth_reached"] = position_was_set(figure) ? "set" : "read";
    json["tokens_read"] = figure.tokens_read;
  }
  return json;
}

Json spread(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

Json ceilings_json(const Ceilings& c) {
  return {{"read_gb_per_s", c.read_gb_per_s},         {"bf16_tflop_per_s", c.bf16_tflop_per_s},
          {"int8_top_per_s", c.int8_top_per_s},       {"onednn_bf16_tflop_per_s", c.onednn_bf16_tflop_per_s},
          {"bf16_type", product_type(c.own_in_bf16)}, {"onednn_type", product_type(c.onednn_in_bf16)}};
}

Json spread_json(const CeilingMeter::Samples& s) {
  return {{"read_gb_per_s", spread(s.read_gb_per_s)},
          {"bf16_tflop_per_s", spread(s.bf16_tflop_per_s)},
          {"int8_top_per_s", spread(s.int8_top_per_s)},
          {"onednn_bf16_tflop_per_s", spread(s.onednn_bf16_tflop_per_s)}};
}

std::string ceiling_row(const std::string& name, double value, const char* unit,
                        const std::vector<double>& samples) {
  const auto [low, high] = std::minmax_element(samples.begin(), samples.end());
  return fmt::format("{:<44} {:>10} {:<9} {:>10} {:>10}\n", name, number(value), unit, number(*low),
                     number(*high));
}

std::string ceilings_table(const Ceilings& c, const CeilingMeter::Samples& s) {
  const auto product = [](const char* whose, int tokens, const char* type) {
    return fmt::format("{} product of {} tokens, {}", whose, tokens, type);
  };
  return ceiling_row("reading memory", c.read_gb_per_s, "GB/s", s.read_gb_per_s) +
         ceiling_row(product("oneDNN's", kPromptTokens, product_type(c.onednn_in_bf16)),
                     c.onednn_bf16_tflop_per_s, "TFLOP/s", s.onednn_bf16_tflop_per_s) +
         ceiling_row(product("cobra's", kPromptTokens, product_type(c.own_in_bf16)), c.bf16_tflop_per_s,
                     "TFLOP/s", s.bf16_tflop_per_s) +
         ceiling_row(product("cobra's", kFewTokens, "int8"), c.int8_top_per_s, "TOP/s", s.int8_top_per_s);
}

ChartLine over_depth(const BenchResult& result, const std::string& unit) {
  ChartLine line{.width = 2, .labelled = true};
  for (const Figure& figure : result.figures) {
    if (figure.depth >= 0 && figure.unit == unit) {
      line.points.push_back({static_cast<double>(figure.depth), figure.value()});
    }
  }
  return line;
}

}  // namespace

std::string table(const BenchResult& result) {
  std::string text = fmt::format(
      "{}, {} threads{}; model of {:.2f} GB, {:.2f} GB of weights read for a token, state of {:.1f} MB\n\n",
      result.isa, result.threads, result.w8a8 ? ", prompts and pictures by 8-bit activations" : "",
      static_cast<double>(result.file_bytes) / 1e9, static_cast<double>(result.decode_bytes) / 1e9,
      static_cast<double>(result.state_bytes) / 1e6);
  text += fmt::format("{:<44} {:>10} {:<9} {:>10} {:>10} {:>8}\n", "", "median", "", "lowest", "highest",
                      "ceiling");
  text += ceilings_table(result.ceilings, result.ceiling_samples) + "\n";
  bool any_set = false;
  for (const Figure& figure : result.figures) {
    text += row(figure);
    any_set = any_set || position_was_set(figure);
  }
  text +=
      "\nceiling: what part of the machine's it is. Decoding: one read of the weights for a token of all "
      "sessions,\n"
      "measured beside each run. Prefill and vision: the matrix products alone at oneDNN's rate, measured "
      "beside\n"
      "each run; the slower of both for short prompts. Memory: the file's size.\n";
  if (any_set) {
    text +=
        "* A state that has read less and was told this position, because reading would have taken longer "
        "than\n"
        "  --limit; --limit 0 reads every token.\n";
  }
  return text;
}

Json to_json(const BenchResult& result) {
  Json results = Json::array();
  for (const Figure& figure : result.figures) results.push_back(to_json(figure));
  const bool has_vision = result.picture_operations > 0;
  return {{"ceilings", ceilings_json(result.ceilings)},
          {"ceilings_spread", spread_json(result.ceiling_samples)},
          {"results", std::move(results)},
          {"machine", {{"isa", result.isa}, {"threads", result.threads}, {"w8a8", result.w8a8}}},
          {"model",
           {{"file_bytes", result.file_bytes},
            {"decode_bytes", result.decode_bytes},
            {"state_bytes", result.state_bytes},
            {"prompt_token_operations", result.prompt_token_operations},
            {"head_operations", result.head_operations},
            {"picture_operations", or_null(result.picture_operations, has_vision)}}}};
}

std::string depth_chart(const BenchResult& result) {
  LineChart chart{.title = "Decoding against depth",
                  .x_label = "tokens in the state before",
                  .left_label = "tokens/s",
                  .right_label = "peak memory, GB",
                  .logarithmic_x = true};
  chart.lines = {over_depth(result, "tokens/s"), over_depth(result, "GB")};
  chart.lines[1].colour = "#b0440f";
  chart.lines[1].on_right = true;
  for (const ChartPoint& point : chart.lines[0].points) chart.x_marks.push_back(point.x);
  return svg(chart);
}

}  // namespace cobra::bench
