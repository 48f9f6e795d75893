#include "eval/prepare.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/fail.h"
#include "base/file.h"
#include "base/python_random.h"
#include "eval/dataset.h"
#include "eval/python_json.h"

namespace cobra::eval {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kSeed = 21;  // of the official builders

struct Place {
  fs::path folder;  // with the downloads
  fs::path root;    // empty where the folder is not root/download/<family>
};

std::vector<Place> places(const fs::path& from, const std::string& family) {
  const bool in_layout = from.filename() == family && from.parent_path().filename() == "download";
  return {{from / "download" / family, from},
          {from / family, from.filename() == "download" ? from.parent_path() : fs::path()},
          {from, in_layout ? from.parent_path().parent_path() : fs::path()},
          {from / family / "download" / family, from / family}};
}

/// False of what cannot be looked at, too.
bool file_exists(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

std::vector<std::string> missing_files(const fs::path& folder, const BenchmarkInfo& info) {
  std::vector<std::string> missing;
  for (const std::string& name : info.downloads) {
    if (!file_exists(folder / name)) missing.push_back(name);
  }
  return missing;
}

Place find_downloads(const std::string& from, const BenchmarkInfo& info) {
  for (const Place& place : places(normal_folder(from), info.family)) {
    const auto missing = missing_files(place.folder, info);
    if (missing.size() == info.downloads.size()) continue;
    check(missing.empty(), "{}: missing of {}: {}", place.folder.string(), info.family,
          fmt::join(missing, ", "));
    return place;
  }
  fail("{}: no downloads of {}: expected download/{}/ in it with {}", printable(from, 200), info.family,
       info.family, fmt::join(info.downloads, ", "));
}

/// All ids, once in the order of all sets.
std::vector<std::string> shuffled_ids(const std::vector<Entry>& entries, const std::string& folder) {
  std::vector<std::string> ids;
  std::set<std::string_view> known;
  for (const Entry& entry : entries) {
    check(known.insert(entry.id).second, "{}: question '{}' appears twice", folder, printable(entry.id));
    ids.push_back(entry.id);
  }
  PythonRandom(kSeed).shuffle(ids);
  return ids;
}

/// The index of one family, ready to be written as a full set and slim ones.
class IndexFiles {
 public:
  IndexFiles(const Benchmark& benchmark, const IndexSource& source, const fs::path& downloads,
             fs::path folder)
      : info_(benchmark.info()),
        source_(source),
        folder_(std::move(folder)),
        ids_(shuffled_ids(source.entries, downloads.string())) {
    for (const Entry& entry : source.entries) entries_.emplace(entry.id, &entry.value);
    fs::create_directories(folder_);
  }

  void write_full() { write_set(info_.full_index, ids_, "-full"); }

  void write_slim(int64_t size) {
    const std::string suffix = fmt::format("-slim-{}", size);
    write_set("metadata" + suffix + ".json", slim_ids(size), suffix);
  }

  std::vector<std::string> written() const { return written_; }

 private:
  const BenchmarkInfo& info_;
  const IndexSource& source_;
  const fs::path folder_;
  const std::vector<std::string> ids_;
  std::map<std::string_view, const Json*> entries_;
  std::vector<std::string> written_;

  /// The first `size` ids, or of each group.
  std::vector<std::string> slim_ids(int64_t size) const {
    std::map<std::string, int64_t> counts;
    std::vector<std::string> chosen;
    for (const std::string& id : ids_) {
      const std::string group =
          info_.group_field.empty() ? "" : entries_.at(id)->at(info_.group_field).get<std::string>();
      if (counts[group]++ < size) chosen.push_back(id);
    }
    return chosen;
  }

  void write_set(const std::string& name, const std::vector<std::string>& ids, const std::string& suffix) {
    Json index = Json::object();
    for (const std::string& id : ids) append_member(index, id, *entries_.at(id));
    write(name, python_json(index));
    if (!source_.official_files) return;
    for (const OutputFile& file : source_.official_files(ids, suffix)) write(file.name, file.text);
  }

  void write(const std::string& name, const std::string& text) {
    const std::string path = (folder_ / name).string();
    write_file(path, text);
    written_.push_back(path);
  }
};

/// Counts the pictures of the index and finds those that are not there.
void check_pictures(const IndexSource& source, const Downloads& downloads, Prepared& prepared) {
  std::set<std::string> known;
  for (const Entry& entry : source.entries) {
    const std::string picture = entry.value.at("img_path").get<std::string>();
    if (!known.insert(picture).second) continue;
    ++prepared.pictures;
    const std::string file = downloads.picture_file(picture);
    if (!file_exists(file)) prepared.missing_pictures.push_back(file);
  }
}

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(fs::symlink_status(path, none));  // a link to nothing, too
}

/// Picture paths look for the downloads `folder` at `link`: what is there must not be another folder's.
void check_link(const fs::path& link, const fs::path& folder) {
  std::error_code none;
  check(!is_there(link) || fs::equivalent(link, folder, none),
        "{}: must be the downloads, {}: remove it, or name another folder for the index",
        printable(link.string(), 1000), printable(folder.string(), 1000));
}

/// Makes the downloads visible below another root.
void link_downloads(const fs::path& link, const fs::path& folder) {
  if (is_there(link)) return;
  fs::create_directories(link.parent_path());
  fs::create_directory_symlink(folder, link);
}

}  // namespace

Prepared prepare(const Benchmark& benchmark, const std::string& from, const std::string& output_root,
                 const std::vector<int64_t>& slim_sizes) {
  const BenchmarkInfo& info = benchmark.info();
  const Place place = find_downloads(from, info);
  check(!output_root.empty() || !place.root.empty(),
        "{}: is not in a folder download/{}, so the folder for the index must be given",
        place.folder.string(), info.family);
  const fs::path root = output_root.empty() ? place.root : normal_folder(output_root);
  const fs::path link = root / "download" / info.family;
  check_link(link, place.folder);
  const Downloads downloads{place.folder.string(), "download/" + info.family + "/"};
  const IndexSource source = benchmark.read_downloads(downloads);
  check(!source.entries.empty(), "{}: has no questions", downloads.folder);

  Prepared prepared;
  IndexFiles files(benchmark, source, place.folder, root / "datasets" / info.family);
  files.write_full();
  for (const int64_t size : slim_sizes) files.write_slim(size);
  prepared.files = files.written();
  prepared.questions = static_cast<int64_t>(source.entries.size());
  prepared.warnings = source.warnings;
  check_pictures(source, downloads, prepared);
  link_downloads(link, place.folder);
  return prepared;
}

}  // namespace cobra::eval
