#include "eval/dataset.h"

#include <filesystem>

#include "base/fail.h"

namespace cobra::eval {
namespace {

namespace fs = std::filesystem;

/// "-full" or "-slim-N" for a dataset id.
std::string suffix_of(const Benchmark& benchmark, const std::string& id) {
  const BenchmarkInfo& info = benchmark.info();
  std::string_view variant = id;
  if (variant.starts_with(info.family + "-")) variant.remove_prefix(info.family.size() + 1);
  if (variant.empty() || variant == "full") return "-full";
  if (variant == "slim") return "-slim-1024";
  if (variant == "subsampled" && info.slim_sizes.size() > 1) {
    return fmt::format("-slim-{}", info.slim_sizes.back());
  }
  if (variant.starts_with("slim-") && variant.find_first_not_of("0123456789", 5) == variant.npos &&
      variant.size() > 5) {
    return fmt::format("-{}", variant);
  }
  fail("no dataset '{}' of {}: there are {}-full, {}-slim and {}-slim-N", printable(id), info.family,
       info.family, info.family, info.family);
}

struct Place {
  fs::path folder;  // with the index files
  fs::path root;
};

/// Where the index may be, by what `data` may mean.
std::vector<Place> places(const fs::path& data, const std::string& family) {
  const fs::path parent = data.parent_path();
  return {{data / "datasets" / family, data},
          {data / family, parent},
          {data, parent.parent_path()},
          {data / family / "datasets" / family, data / family}};
}

/// A path that stays below the root: indexes are data, and may name no other file.
std::string picture_of(const Json& entry, const std::string& place) {
  const std::string picture = json_text(entry, "img_path", place);
  const fs::path normal = fs::path(picture).lexically_normal();
  const bool inside = !picture.empty() && normal.is_relative() && *normal.begin() != "..";
  check(inside, "{}: field 'img_path' must be a path below the data root, found '{}'", place,
        printable(picture));
  return picture;
}

}  // namespace

std::vector<Entry> read_index(const std::string& path) {
  Json index = read_data_json(path);
  check(index.is_object(), "{}: must be an object with one member for each question", path);
  std::vector<Entry> entries;
  for (auto& [id, value] : index.get_ref<Json::object_t&>()) {
    check(value.is_object(), "{}: must be an object", place_of(path, id));
    entries.push_back({id, std::move(value)});
  }
  check(!entries.empty(), "{}: has no questions", path);
  return entries;
}

Dataset open_dataset(const Benchmark& benchmark, const std::string& data, const std::string& id) {
  const BenchmarkInfo& info = benchmark.info();
  const std::string suffix = suffix_of(benchmark, id);
  const std::string index_name = suffix == "-full" ? info.full_index : "metadata" + suffix + ".json";
  for (const Place& place : places(normal_folder(data), info.family)) {
    const fs::path index = place.folder / index_name;
    if (!fs::exists(index)) continue;
    const fs::path annotations =
        info.annotations_stem.empty() ? index : place.folder / (info.annotations_stem + suffix + ".json");
    return {&benchmark,     info.family + suffix,       place.root.string(),
            index.string(), read_index(index.string()), annotations.string()};
  }
  fail("{}: no index of {}{}: looked for datasets/{}/{}, {}/{} and {} in it ('cobra data prepare' makes it)",
       printable(data, 200), info.family, suffix, info.family, index_name, info.family, index_name,
       index_name);
}

fs::path normal_folder(const std::string& folder) {
  const fs::path normal = (fs::current_path() / folder).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

void keep_first(Dataset& dataset, size_t questions) {
  if (questions >= dataset.entries.size()) return;
  dataset.entries.resize(questions);
  dataset.cut = true;
}

ById dataset_by_id(const Dataset& dataset) {
  ById by_id;
  for (const Entry& entry : dataset.entries) by_id.emplace(entry.id, &entry.value);
  return by_id;
}

std::vector<Question> questions(const Dataset& dataset) {
  std::vector<Question> all;
  for (const Entry& entry : dataset.entries) {
    const std::string place = place_of(dataset.index_path, entry.id);
    all.push_back({entry.id, picture_of(entry.value, place), dataset.benchmark->asks(entry.value, place)});
  }
  return all;
}

}  // namespace cobra::eval
