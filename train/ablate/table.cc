#include "train/ablate/table.h"

#include <cmath>

#include "base/fail.h"

namespace cobra::train {
namespace {

std::string shown(const std::vector<double>& values) {
  const Spread spread = spread_of(values);
  return spread.deviation ? fmt::format("{:.4f} ± {:.4f}", spread.mean, *spread.deviation)
                          : fmt::format("{:.4f}", spread.mean);
}

std::string csv_values(const std::vector<double>& values) {
  const Spread spread = spread_of(values);
  return fmt::format("{},{}", spread.mean, spread.deviation ? fmt::format("{}", *spread.deviation) : "");
}

std::vector<std::string> choices_of(const Grid& grid, const Cell& cell) {
  std::vector<std::string> names;
  for (size_t axis = 0; axis < cell.size(); ++axis) names.push_back(grid.axes[axis].choices[cell[axis]].name);
  return names;
}

std::vector<std::string> axis_names(const Grid& grid) {
  std::vector<std::string> names;
  for (const Axis& axis : grid.axes) names.push_back(axis.name);
  return names;
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  check(!values.empty(), "a mean needs at least one value");
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const auto n = static_cast<double>(values.size());
  const double mean = sum / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  if (values.size() == 1) return {mean, std::nullopt};
  return {mean, std::sqrt(squares / (n - 1))};
}

std::string markdown_table(const Grid& grid, const std::vector<CellResult>& results) {
  const std::vector<Cell> cells = cells_of(grid);
  const bool scored = !grid.score.empty();
  std::vector<std::string> head = axis_names(grid);
  head.insert(head.end(), {"seeds", "loss"});
  if (scored) head.emplace_back("score");
  std::string table = fmt::format("| {} |\n|", fmt::join(head, " | "));
  for (size_t i = 0; i < head.size(); ++i) table += "---|";
  table += '\n';
  for (size_t i = 0; i < cells.size(); ++i) {
    std::vector<std::string> row = choices_of(grid, cells[i]);
    row.push_back(std::to_string(results[i].losses.size()));
    row.push_back(shown(results[i].losses));
    if (scored) row.push_back(shown(results[i].scores));
    table += fmt::format("| {} |\n", fmt::join(row, " | "));
  }
  return table;
}

std::string csv_table(const Grid& grid, const std::vector<CellResult>& results) {
  const std::vector<Cell> cells = cells_of(grid);
  const bool scored = !grid.score.empty();
  std::vector<std::string> head = axis_names(grid);
  head.insert(head.end(), {"seeds", "loss_mean", "loss_sd"});
  if (scored) head.insert(head.end(), {"score_mean", "score_sd"});
  std::string table = fmt::format("{}\n", fmt::join(head, ","));
  for (size_t i = 0; i < cells.size(); ++i) {
    std::vector<std::string> row = choices_of(grid, cells[i]);
    row.push_back(std::to_string(results[i].losses.size()));
    row.push_back(csv_values(results[i].losses));
    if (scored) row.push_back(csv_values(results[i].scores));
    table += fmt::format("{}\n", fmt::join(row, ","));
  }
  return table;
}

}  // namespace cobra::train
