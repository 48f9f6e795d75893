// The table of a grid.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/ablate/grid.h"

namespace cobra::train {

struct CellResult {
  std::vector<double> losses;  // of each seed
  std::vector<double> scores;  // likewise; empty without a score
};

struct Spread {
  double mean = 0;
  std::optional<double> deviation;  // of the sample; none of one value
};
Spread spread_of(const std::vector<double>& values);

std::string markdown_table(const Grid& grid, const std::vector<CellResult>& results);
std::string csv_table(const Grid& grid, const std::vector<CellResult>& results);

}  // namespace cobra::train
