// A grid of training runs as a file: what is the same in all, and the axes on which they differ.
//
//   {"output": "ablations", "seeds": [1, 2, 3], "mode": "one-at-a-time",
//    "base": {"stage": "finetune", "model": "fused.gguf", "data": "mix.json", "images": "pictures"},
//    "axes": {"vision": {"fused": {}, "siglip": {"model": "siglip.gguf"}},
//             "epochs": {"2": {"epochs": 2}, "1": {"epochs": 1}},
//             "alignment": {"without": {}, "with": {"align": {"data": "captions.json"}}}},
//    "score": "cobra eval ... -m {model}"}
//
// A choice is a set of recipe keys; "align" in it is the recipe of a stage before, whose result the run
// starts from. The first choice of each axis is the baseline.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/json.h"

namespace cobra::train {

struct Choice {
  std::string name;
  Json keys;
};

struct Axis {
  std::string name;
  std::vector<Choice> choices;
};

struct Grid {
  std::string output;
  std::vector<int64_t> seeds;
  bool all = false;  // every combination, not one change at a time
  Json base = Json::object();
  std::vector<Axis> axes;
  std::string score;  // a shell command that prints a number for "{model}"; may be empty
};

/// Throws Error naming the key that is unknown, missing or of another type.
Grid parse_grid(const Json& json, const std::string& source);

/// The choice on each axis: the baseline first, then one change at a time, or all combinations.
using Cell = std::vector<size_t>;
std::vector<Cell> cells_of(const Grid& grid);

/// "vision=siglip,epochs=2", also the name of the cell's folder.
std::string cell_name(const Grid& grid, const Cell& cell);

/// The recipe of a cell: base, then its choices, without output and seed; "align" is among the keys where a
/// choice has it.
Json cell_recipe(const Grid& grid, const Cell& cell);

}  // namespace cobra::train
