#include "train/ablate/grid.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/fail.h"

namespace cobra::train {
namespace {

constexpr size_t kMaxCells = 10000;

void check_keys(const Json& json, const std::string& source) {
  static const std::set<std::string> kKnown{"output", "seeds", "mode", "base", "axes", "score"};
  check(json.is_object(), "{}: a grid must be a JSON object", source);
  for (const auto& [key, value] : json.items()) {
    check(kKnown.contains(key), "{}: key '{}' is unknown: expected one of {}", source, printable(key),
          fmt::join(kKnown, ", "));
  }
}

const Json& object(const Json& json, const char* key, const std::string& source) {
  const Json* found = json_find(json, key);
  check(found && found->is_object(), "{}: '{}' must be an object", source, key);
  return *found;
}

/// Becomes part of a folder's name.
void check_name(const std::string& name, const std::string& source) {
  const bool plain = !name.empty() && name.size() <= 60 && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '+';
  });
  check(plain, "{}: '{}' is no name: expected letters, digits and -_.+", source, printable(name));
}

std::vector<int64_t> parse_seeds(const Json& json, const std::string& source) {
  const Json* seeds = json_find(json, "seeds");
  if (!seeds) return {7};
  check(seeds->is_array() && !seeds->empty(), "{}: 'seeds' must be a list of integers", source);
  std::vector<int64_t> values;
  for (const Json& seed : *seeds) {
    check(seed.is_number_integer() && seed.get<int64_t>() >= 0, "{}: 'seeds' must be a list of integers",
          source);
    values.push_back(seed.get<int64_t>());
    check(std::ranges::count(values, values.back()) == 1, "{}: 'seeds' names {} twice", source,
          values.back());
  }
  return values;
}

Axis parse_axis(const std::string& name, const Json& choices, const std::string& source) {
  check_name(name, source);
  check(choices.is_object() && !choices.empty(), "{}: axis '{}' must be an object of choices", source, name);
  Axis axis{name, {}};
  for (const auto& [choice, keys] : choices.items()) {
    check_name(choice, source);
    check(keys.is_object(), "{}: choice '{}' of axis '{}' must be an object of recipe keys", source, choice,
          name);
    axis.choices.push_back({choice, keys});
  }
  return axis;
}

/// A key that two axes set would have the value of the later alone: wherever all choices are combined, and
/// else where the later one's baseline sets it.
void check_keys_differ(const Grid& grid, const std::string& source) {
  std::map<std::string, std::string> axis_of;
  for (const Axis& axis : grid.axes) {
    for (const Choice& choice : axis.choices) {
      const bool meets_others = grid.all || &choice == &axis.choices.front();
      for (const auto& [key, value] : choice.keys.items()) {
        const std::string& other = axis_of.emplace(key, axis.name).first->second;
        check(other == axis.name || !meets_others, "{}: axes '{}' and '{}' both set '{}'", source, other,
              axis.name, printable(key));
      }
    }
  }
}

std::vector<Cell> all_combinations(const Grid& grid) {
  std::vector<Cell> cells{Cell(grid.axes.size(), 0)};
  for (size_t axis = 0; axis < grid.axes.size(); ++axis) {
    const std::vector<Cell> before = cells;
    for (size_t choice = 1; choice < grid.axes[axis].choices.size(); ++choice) {
      for (Cell cell : before) {
        cell[axis] = choice;
        cells.push_back(std::move(cell));
        check(cells.size() <= kMaxCells, "the grid has more than {} cells", kMaxCells);
      }
    }
  }
  return cells;
}

std::vector<Cell> one_change_at_a_time(const Grid& grid) {
  std::vector<Cell> cells{Cell(grid.axes.size(), 0)};
  for (size_t axis = 0; axis < grid.axes.size(); ++axis) {
    for (size_t choice = 1; choice < grid.axes[axis].choices.size(); ++choice) {
      cells.emplace_back(grid.axes.size(), 0);
      cells.back()[axis] = choice;
    }
  }
  return cells;
}

}  // namespace

Grid parse_grid(const Json& json, const std::string& source) {
  check_keys(json, source);
  Grid grid;
  grid.output = json_text(json, "output", source);
  grid.seeds = parse_seeds(json, source);
  const std::string mode = json_text(json, "mode", source, "one-at-a-time");
  check(mode == "all" || mode == "one-at-a-time", "{}: 'mode' must be all or one-at-a-time, found '{}'",
        source, printable(mode));
  grid.all = mode == "all";
  grid.base = object(json, "base", source);
  grid.score = json_text(json, "score", source, "");
  for (const auto& [name, choices] : object(json, "axes", source).items()) {
    grid.axes.push_back(parse_axis(name, choices, source));
  }
  check_keys_differ(grid, source);
  return grid;
}

std::vector<Cell> cells_of(const Grid& grid) {
  return grid.all ? all_combinations(grid) : one_change_at_a_time(grid);
}

std::string cell_name(const Grid& grid, const Cell& cell) {
  std::vector<std::string> parts;
  for (size_t axis = 0; axis < cell.size(); ++axis) {
    parts.push_back(grid.axes[axis].name + "=" + grid.axes[axis].choices[cell[axis]].name);
  }
  return parts.empty() ? "base" : fmt::format("{}", fmt::join(parts, ","));
}

Json cell_recipe(const Grid& grid, const Cell& cell) {
  Json recipe = grid.base;
  for (size_t axis = 0; axis < cell.size(); ++axis) {
    for (const auto& [key, value] : grid.axes[axis].choices[cell[axis]].keys.items()) recipe[key] = value;
  }
  return recipe;
}

}  // namespace cobra::train
