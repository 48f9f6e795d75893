#include "train/ablate/ablate.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "base/fail.h"
#include "base/file.h"
#include "cli/output.h"
#include "formats/json.h"
#include "train/ablate/table.h"
#include "train/run/run.h"
#include "train/run/start.h"

namespace cobra::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxBytes = int64_t{1} << 30;

/// One run of a cell and a seed, perhaps with an alignment before.
struct PlannedRun {
  fs::path folder;
  std::optional<RunRecipe> align;
  RunRecipe recipe;
};

/// The run in `folder` instead of what the grid starts from, with the parts that go with that.
void start_from(const std::string& folder, RunRecipe& recipe) {
  recipe.model = folder;
  for (std::string* other : {&recipe.run, &recipe.llm, &recipe.checkpoint, &recipe.dino, &recipe.siglip,
                             &recipe.clip_tower, &recipe.dims}) {
    other->clear();
  }
  recipe.projector = RunRecipe().projector;
}

/// Each run has the grid's next seed and a folder in the grid's.
void check_left_to_grid(const Json& keys, const std::string& where) {
  for (const auto& [key, setter] : {std::pair{"seed", "seeds"}, std::pair{"output", "output"}})
    check(!keys.contains(key), "{}: '{}' is set by the grid's '{}'", where, key, setter);
}

PlannedRun plan_run(const Grid& grid, const Cell& cell, int64_t seed, const std::string& source) {
  PlannedRun run;
  run.folder = fs::path(grid.output) / cell_name(grid, cell) / fmt::format("seed-{}", seed);
  Json keys = cell_recipe(grid, cell);
  const std::string where = fmt::format("{}: {}", source, cell_name(grid, cell));
  check_left_to_grid(keys, where);
  keys["output"] = run.folder.string();
  keys["seed"] = seed;
  if (const Json* own = json_find(keys, "align")) {
    check(own->is_object(), "{}: 'align' must be an object of recipe keys", where);
    check_left_to_grid(*own, where + ": align");
    Json align = keys;
    align.erase("align");
    for (const char* key : {"stage", "epochs", "max_steps", "stop_after", "learning_rate",
                            "global_batch_size", "weight_decay"}) {
      align.erase(key);  // of the finetuning; the stage has its own defaults
    }
    align["stage"] = "align";
    align["output"] = (run.folder / "align").string();
    for (const auto& [key, value] : own->items()) align[key] = value;
    run.align = make_recipe(align, where + ": align", {});
    check_recipe(*run.align);
    keys.erase("align");
  }
  run.recipe = make_recipe(keys, where, {});
  check_recipe(run.recipe);
  if (run.align) {
    start_from(run.align->output, run.recipe);
  }
  return run;
}

/// A run of an earlier grid must not stand in for one of this grid. What its recipe does not name, because
/// the program that wrote it did not know the key, had the default.
void check_same_recipe(const RunRecipe& recipe, const fs::path& folder) {
  const std::string path = (folder / kRecipeFile).string();
  const Json kept = to_json(make_recipe(read_json(path), path, {})), wanted = to_json(recipe);
  for (const auto& [key, value] : wanted.items()) {
    check(may_change(key) || kept[key] == value,
          "{}: '{}' is {} there and {} in the grid: remove the folder, or write the grid's runs to another",
          path, key, kept[key].dump(), value.dump());
  }
}

/// Nor must one whose files have changed since.
void check_older_files(const RunRecipe& recipe, const fs::path& model) {
  for (const std::string* path :
       {&recipe.model, &recipe.llm, &recipe.checkpoint, &recipe.dino, &recipe.siglip, &recipe.clip_tower,
        &recipe.tokenizer, &recipe.dims, &recipe.data}) {
    if (!fs::is_regular_file(*path)) continue;
    check(fs::last_write_time(*path) <= fs::last_write_time(model),
          "{}: younger than {}, which was made from it: remove the run's folder, or name another output",
          printable(*path, 1000), printable(model.string(), 1000));
  }
}

/// Trains unless that is done; goes on where it was interrupted.
int train_once(const RunRecipe& recipe) {
  const fs::path folder = recipe.output;
  const bool begun = fs::exists(folder / kRecipeFile);
  if (begun) check_same_recipe(recipe, folder);
  if (fs::exists(folder / kGgufFile)) {
    check_older_files(recipe, folder / kGgufFile);
    return 0;
  }
  return run_training(recipe, begun);
}

/// The mean loss of the last tenth of the updates that had labels.
double last_loss(const fs::path& folder) {
  const std::string path = (folder / kMetricsFile).string();
  std::istringstream lines(read_file(path, kMaxBytes));
  std::vector<double> losses;
  for (std::string line; std::getline(lines, line);) {
    const Json update = parse_json(line, path);
    if (json_number(update, "valid_labels", path) > 0) losses.push_back(json_number(update, "loss", path));
  }
  check(!losses.empty(), "{}: no updates that had labels", path);
  const size_t last = std::max<size_t>(1, losses.size() / 10);
  double sum = 0;
  for (size_t i = losses.size() - last; i < losses.size(); ++i) sum += losses[i];
  return sum / static_cast<double>(last);
}

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  check(pipe != nullptr, "score: '{}' cannot be started", printable(command, 300));
  std::string text;
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0 && text.size() < size_t{1} << 20;) {
    text.append(buffer, n);
  }
  const int status = ::pclose(pipe);
  check(status == 0, "score: '{}' failed", printable(command, 300));
  return text;
}

std::string score_command(const Grid& grid, const fs::path& folder) {
  std::string command = grid.score;
  const std::string model = shell_quoted((folder / kGgufFile).string()), hole = "{model}";
  for (size_t at = 0; (at = command.find(hole, at)) != std::string::npos; at += model.size()) {
    command.replace(at, hole.size(), model);
  }
  return command;
}

/// What is kept below the line of this command; "" of another's.
std::string kept_output(const std::string& path, const std::string& command_line) {
  if (!fs::exists(path)) return "";
  const std::string text = read_file(path, kMaxBytes);
  return text.starts_with(command_line) ? text.substr(command_line.size()) : "";
}

/// What the grid's command prints for a run's model; kept in score.txt below the command (as JSON: one line).
double score_of(const Grid& grid, const fs::path& folder) {
  const std::string kept = (folder / "score.txt").string();
  const std::string command_line = Json(grid.score).dump() + "\n";
  std::string text = kept_output(kept, command_line);
  if (text.empty()) text = output_of(score_command(grid, folder));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  double score = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), score);
  check(read.ec == std::errc() && read.ptr == text.data() + text.size() && std::isfinite(score),
        "score: expected one number, found '{}'", printable(text));
  write_file(kept, command_line + text + "\n");
  return score;
}

void write_tables(const Grid& grid, const std::vector<CellResult>& results) {
  for (const auto& [name, table] : {std::pair{"table.md", markdown_table(grid, results)},
                                    std::pair{"table.csv", csv_table(grid, results)}}) {
    write_file((fs::path(grid.output) / name).string(), table);
  }
  print(markdown_table(grid, results));
}

}  // namespace

int run_grid(const Grid& grid, const std::string& source) {
  const std::vector<Cell> cells = cells_of(grid);
  std::vector<std::vector<PlannedRun>> planned;
  for (const Cell& cell : cells) {
    planned.emplace_back();
    for (const int64_t seed : grid.seeds) planned.back().push_back(plan_run(grid, cell, seed, source));
  }
  std::vector<CellResult> results(cells.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    for (const PlannedRun& run : planned[i]) {
      say(fmt::format("{}\n", run.folder.string()));
      int signal = run.align ? train_once(*run.align) : 0;
      if (signal == 0) signal = train_once(run.recipe);
      if (signal != 0) return signal;
      results[i].losses.push_back(last_loss(run.folder));
      if (!grid.score.empty()) results[i].scores.push_back(score_of(grid, run.folder));
    }
  }
  write_tables(grid, results);
  return 0;
}

}  // namespace cobra::train
