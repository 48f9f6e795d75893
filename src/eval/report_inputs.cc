// Which benchmark, dataset and model the paths on the command line hold.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/fail.h"
#include "eval/report.h"
#include "eval/results.h"

namespace cobra::eval {
namespace {

namespace fs = std::filesystem;

const Benchmark* known_benchmark(const std::string& family) {
  for (const Benchmark* benchmark : benchmarks()) {
    if (benchmark->info().family == family) return benchmark;
  }
  return nullptr;
}

std::vector<fs::path> sorted_items(const fs::path& folder) {
  std::vector<fs::path> items;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder, error)) items.push_back(item.path());
  std::sort(items.begin(), items.end());
  return items;
}

std::vector<fs::path> logs_in(const fs::path& folder) {
  std::vector<fs::path> logs = sorted_items(folder);
  std::erase_if(logs, [](const fs::path& path) { return path.extension() != ".jsonl"; });
  return logs;
}

bool holds_results(const fs::path& folder) {
  const std::vector<fs::path> items = sorted_items(folder);
  return std::any_of(items.begin(), items.end(), [](const fs::path& item) {
    return item.extension() == ".jsonl" || item.filename().string().starts_with("results+rank-");
  });
}

/// A log says itself what it holds; `path` is what to read, the log or its folder.
ReportInput input_of_log(const fs::path& log, const std::string& path) {
  const Json header = read_log(log.string()).header;
  const std::string family = json_text(header, "benchmark", log.string());
  return {&find_benchmark(family), json_text(header, "dataset", log.string()), path,
          json_text(header, "model", log.string(), "")};
}

/// results/B/<dataset>/: one input for each model.
std::vector<ReportInput> inputs_of_dataset(const Benchmark& benchmark, const fs::path& folder) {
  const std::string dataset = folder.filename().string();
  if (holds_results(folder)) return {{&benchmark, dataset, folder.string(), ""}};
  std::vector<ReportInput> inputs;
  for (const fs::path& model : sorted_items(folder)) {
    if (!holds_results(model)) continue;
    inputs.push_back({&benchmark, dataset, model.string(), model.filename().string()});
  }
  return inputs;
}

/// results/B/: all datasets of a benchmark.
std::vector<ReportInput> inputs_of_family(const Benchmark& benchmark, const fs::path& folder) {
  std::vector<ReportInput> inputs;
  for (const fs::path& item : sorted_items(folder)) {
    if (!item.filename().string().starts_with(benchmark.info().family + "-")) continue;
    std::ranges::move(inputs_of_dataset(benchmark, item), std::back_inserter(inputs));
  }
  return inputs;
}

/// A folder above those of the benchmarks.
std::vector<ReportInput> inputs_below(const fs::path& folder) {
  std::vector<ReportInput> inputs;
  for (const Benchmark* benchmark : benchmarks()) {
    const std::string& family = benchmark->info().family;
    for (const fs::path& place :
         {folder / family, folder / "results" / family, folder / family / "results" / family}) {
      std::vector<ReportInput> found = inputs_of_family(*benchmark, place);
      std::ranges::move(found, std::back_inserter(inputs));
      if (!found.empty()) break;
    }
  }
  if (!inputs.empty()) return inputs;
  for (const fs::path& item : sorted_items(folder)) {  // logs in folders of any name
    const std::vector<fs::path> logs = logs_in(item);
    if (!logs.empty()) inputs.push_back(input_of_log(logs[0], item.string()));
  }
  return inputs;
}

/// A folder inside that of a benchmark, told by the names above it: results/B, /B/<dataset>,
/// /<dataset>/<model>.
std::vector<ReportInput> inputs_by_name(const fs::path& folder) {
  const fs::path parent = folder.parent_path();
  if (const Benchmark* benchmark = known_benchmark(folder.filename().string())) {
    return inputs_of_family(*benchmark, folder);
  }
  if (const Benchmark* benchmark = known_benchmark(parent.filename().string())) {
    return inputs_of_dataset(*benchmark, folder);
  }
  if (const Benchmark* benchmark = known_benchmark(parent.parent_path().filename().string())) {
    return {{benchmark, parent.filename().string(), folder.string(), folder.filename().string()}};
  }
  return {};
}

/// "B=PATH"
std::optional<ReportInput> named_input(const std::string& path) {
  const size_t equals = path.find('=');
  if (equals == path.npos) return std::nullopt;
  const Benchmark* benchmark = known_benchmark(path.substr(0, equals));
  if (!benchmark) return std::nullopt;
  return ReportInput{benchmark, "", path.substr(equals + 1), ""};
}

std::vector<ReportInput> inputs_of_folder(const fs::path& folder) {
  if (const std::vector<fs::path> logs = logs_in(folder); !logs.empty()) {
    return {input_of_log(logs[0], folder.string())};
  }
  if (std::vector<ReportInput> inputs = inputs_by_name(folder); !inputs.empty()) return inputs;
  return inputs_below(folder);
}

}  // namespace

std::vector<ReportInput> report_inputs(const std::string& path) {
  if (std::optional<ReportInput> named = named_input(path)) return {std::move(*named)};
  check(fs::exists(path), "{}: no such file or folder", printable(path, 200));
  fs::path whole = fs::absolute(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // a trailing slash
  std::vector<ReportInput> inputs;
  if (fs::is_directory(whole)) {
    inputs = inputs_of_folder(whole);
  } else if (whole.extension() == ".jsonl") {
    inputs = {input_of_log(whole, whole.string())};
  }
  check(!inputs.empty(), "{}: cannot tell which benchmark's results these are: write B=PATH, as in pope={}",
        printable(path, 200), printable(path, 200));
  return inputs;
}

}  // namespace cobra::eval
