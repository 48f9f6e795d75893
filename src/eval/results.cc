// Finding results and bringing them into the official form. The log is in results_log.cc.
#include "eval/results.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>

#include "base/fail.h"
#include "eval/python_json.h"

namespace cobra::eval {
namespace {

namespace fs = std::filesystem;

/// The N of "results+rank-N.json"; -1 for other names.
int64_t rank_of(const std::string& name) {
  constexpr std::string_view kBefore = "results+rank-", kAfter = ".json";
  if (!name.starts_with(kBefore) || !name.ends_with(kAfter) ||
      name.size() <= kBefore.size() + kAfter.size()) {
    return -1;
  }
  const std::string_view digits =
      std::string_view(name).substr(kBefore.size(), name.size() - kBefore.size() - kAfter.size());
  int64_t rank = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
  return error == std::errc() && end == digits.data() + digits.size() ? rank : -1;
}

/// The results files of a folder, ready to be read in this order: the logs, or else the official files.
std::vector<std::string> results_files(const fs::path& folder) {
  std::map<int64_t, std::string> official;
  std::vector<std::string> logs;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder, error)) {
    const std::string name = item.path().filename().string();
    if (item.path().extension() == ".jsonl") logs.push_back(item.path().string());
    if (const int64_t rank = rank_of(name); rank >= 0) official[rank] = item.path().string();
  }
  std::sort(logs.begin(), logs.end());
  if (!logs.empty()) return logs;
  std::vector<std::string> files;
  for (auto& [rank, path] : official) files.push_back(std::move(path));
  return files;
}

/// The folders directly in `folder` that hold results: one for each model.
std::vector<std::string> model_folders(const fs::path& folder) {
  std::vector<std::string> models;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder, error)) {
    if (item.is_directory() && !results_files(item.path()).empty()) models.push_back(item.path().string());
  }
  std::sort(models.begin(), models.end());
  return models;
}

/// Folders that may hold the results or their models, by what `path` may mean.
std::vector<fs::path> places(const fs::path& path, const Dataset& dataset) {
  const std::string& family = dataset.benchmark->info().family;
  std::vector<fs::path> all;
  for (const fs::path& base : {path, path / "results", path / family / "results"}) {
    for (const std::string& id : {dataset.id, family + "-slim", family + "-subsampled"}) {
      all.push_back(base / family / id);
      all.push_back(base / id);
    }
    all.push_back(base / family);
    all.push_back(base);
  }
  return all;
}

std::vector<std::string> find_results(const std::string& path, const Dataset& dataset) {
  if (!fs::is_directory(path)) return {path};
  if (auto files = results_files(path); !files.empty()) return files;
  for (const fs::path& place : places(path, dataset)) {
    if (auto files = results_files(place); !files.empty()) return files;
    const std::vector<std::string> models = model_folders(place);
    check(models.size() <= 1, "{}: has results of {} models: choose one of {}", place.string(), models.size(),
          fmt::join(models, ", "));
    if (models.size() == 1) return results_files(models[0]);
  }
  fail("{}: no results: looked for results+rank-N.json and *.jsonl in it, and in {}/{}/<model>/ below it",
       printable(path, 200), dataset.benchmark->info().family, dataset.id);
}

bool is_log(const std::string& path) { return fs::path(path).extension() == ".jsonl"; }

/// Collects records by id: a repeated one replaces the earlier in its place, as Python's dict.update does.
class Collector {
 public:
  explicit Collector(Results& results) : results_(results) {}

  void add(const std::string& id, Json value) {
    const auto [known, is_new] = positions_.emplace(id, results_.entries.size());
    if (is_new) {
      results_.entries.push_back({id, std::move(value)});
    } else {
      ++results_.repeated;
      results_.entries[known->second].value = std::move(value);
    }
  }

 private:
  Results& results_;
  std::unordered_map<std::string, size_t> positions_;
};

void check_inner_id(const Entry& entry, const std::string& id_field, const std::string& source) {
  const std::string place = place_of(source, entry.id);
  const std::string inner = std::to_string(json_integer(entry.value, id_field, place));
  check(inner == entry.id, "{}: field '{}' is {}", place, id_field, inner);
}

Results read_official(const std::vector<std::string>& files, const Dataset& dataset) {
  Results results;
  results.source = files.size() == 1 ? files[0] : fs::path(files[0]).parent_path().string();
  Collector collector(results);
  for (const std::string& file : files) {
    Json document = read_data_json(file);
    members_by_id(document, file);
    for (auto& [id, value] : document.get_ref<Json::object_t&>()) collector.add(id, std::move(value));
  }
  for (const Entry& entry : results.entries) {
    check_inner_id(entry, dataset.benchmark->info().id_field, results.source);
  }
  return results;
}

void check_log_dataset(const Json& header, const Dataset& dataset, const std::string& source) {
  const std::string found = header["dataset"].get<std::string>();
  check(found == dataset.id, "{}: holds results of {}, not of {}", source, printable(found), dataset.id);
}

Results read_logs(const std::vector<std::string>& files, const Dataset& dataset) {
  Results results;
  results.source = files.size() == 1 ? files[0] : fs::path(files[0]).parent_path().string();
  const ResultsLog log = files.size() == 1 ? read_log(files[0]) : merge_logs(files);
  check_log_dataset(log.header, dataset, results.source);
  results.header = log.header;
  for (const Answer& answer : log.answers) {
    results.entries.push_back({answer.id, official_result(answer, dataset, results.source)});
    results.failed += !answer.error.empty();
  }
  return results;
}

/// Fails unless the results are those of exactly the dataset's questions.
void check_ids(const Results& results, const Dataset& dataset) {
  const ById known = dataset_by_id(dataset);
  for (const Entry& entry : results.entries) {
    check(known.contains(entry.id), "{}: answers question '{}', which {} does not have", results.source,
          printable(entry.id), dataset.index_path);
  }
  if (results.entries.size() == dataset.entries.size()) return;
  const ById answered = results_by_id(results);
  for (const Entry& entry : dataset.entries) {
    check(answered.contains(entry.id), "{}: {} of {} questions have no answer, the first is '{}'",
          results.source, dataset.entries.size() - results.entries.size(), dataset.entries.size(),
          printable(entry.id));
  }
}

void check_output(const Json& output, const Benchmark& benchmark, const std::string& place) {
  if (!benchmark.closed_set()) {
    check(output.is_string(), "{}: an output must be a string", place);
    return;
  }
  numbers_field({{"outputs", output}}, "outputs", benchmark.info().answers.size(), place);
}

}  // namespace

Json official_result(const Answer& answer, const Dataset& dataset, const std::string& source) {
  const std::string place = place_of(source, answer.id);
  const auto index = static_cast<size_t>(answer.index);
  check(index < dataset.entries.size() && dataset.entries[index].id == answer.id,
        "{}: is not question {} of {}", place, answer.index, dataset.index_path);
  const Json& entry = dataset.entries[index].value;
  const Benchmark& benchmark = *dataset.benchmark;
  const std::string entry_place = place_of(dataset.index_path, answer.id);
  if (!answer.error.empty()) {
    return benchmark.result(entry, benchmark.failed_outputs(entry, entry_place), entry_place);
  }
  const size_t asks = benchmark.asks(entry, entry_place).size();
  check(answer.outputs.size() == asks, "{}: has {} outputs, expected {}", place, answer.outputs.size(), asks);
  for (const Json& output : answer.outputs) check_output(output, benchmark, place);
  return benchmark.result(entry, answer.outputs, entry_place);
}

Json official_results(const ResultsLog& log, const Dataset& dataset) {
  Json results = Json::object();
  for (const Answer& answer : log.answers) {
    append_member(results, answer.id, official_result(answer, dataset, "the results log"));
  }
  return results;
}

void check_annotated(int64_t annotated, const Results& results, const Dataset& dataset) {
  check(annotated == std::ssize(results.entries), "{}: annotates {} of {} questions",
        dataset.annotations_path, annotated, results.entries.size());
}

ById results_by_id(const Results& results) {
  ById by_id;
  for (const Entry& entry : results.entries) by_id.emplace(entry.id, &entry.value);
  return by_id;
}

Results read_results(const std::string& path, const Dataset& dataset) {
  return read_results(find_results(path, dataset), dataset);
}

Results read_results(const std::vector<std::string>& files, const Dataset& dataset) {
  Results results = is_log(files[0]) ? read_logs(files, dataset) : read_official(files, dataset);
  check_ids(results, dataset);
  return results;
}

}  // namespace cobra::eval
