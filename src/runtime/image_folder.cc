#include "runtime/image_folder.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/fail.h"

namespace cobra {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".cobra-picture";
constexpr auto kAbandoned = std::chrono::hours(1);  // age of a half-written file whose process is gone

struct Entry {
  fs::file_time_type used;
  fs::path path;
  int64_t bytes;
};

/// What a process leaves behind that is killed while it writes a state (AtomicFile).
bool is_half_written(const fs::path& path) {
  return path.extension() == ".tmp" && path.filename().string().find(kExtension) != std::string::npos;
}

/// The states; what is abandoned is removed. Files may vanish meanwhile: another process tidies too.
std::vector<Entry> tidied_entries_of(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const bool half_written = is_half_written(it->path());
    if (it->path().extension() != kExtension && !half_written) continue;
    std::error_code gone;
    const fs::file_time_type used = it->last_write_time(gone);
    const auto bytes = gone ? 0 : it->file_size(gone);
    if (gone) continue;
    if (!half_written) entries.push_back({used, it->path(), static_cast<int64_t>(bytes)});
    if (half_written && used + kAbandoned < fs::file_time_type::clock::now()) fs::remove(it->path(), gone);
  }
  return entries;
}

}  // namespace

ImageFolder::ImageFolder(std::string path, int64_t limit_bytes)
    : path_(std::move(path)), limit_(limit_bytes) {
  std::error_code error;
  fs::create_directories(path_, error);
  std::error_code unknown;
  check(fs::is_directory(path_, unknown), "{}: cannot make this folder for pictures' states: {}",
        printable(path_, 1000), error ? error.message() : "a file has that name");
}

std::string ImageFolder::file(const std::string& key) const {
  return (fs::path(path_) / (key + kExtension)).string();
}

void ImageFolder::touch(const std::string& key) const {
  std::error_code gone;
  fs::last_write_time(file(key), fs::file_time_type::clock::now(), gone);
}

std::optional<Session> ImageFolder::find(const Model& model, const std::string& key) const {
  const std::string path = file(key);
  std::error_code error;
  touch(key);
  if (!fs::exists(path, error)) return std::nullopt;
  try {
    return Session::load(model, path);
  } catch (const std::exception&) {
    return std::nullopt;  // torn or gone: the picture is still there to be read
  }
}

void ImageFolder::put(const std::string& key, const Session& session) const {
  constexpr int64_t kHeader = 1024;
  const int64_t bytes =
      session.state_bytes() + std::ssize(session.logits()) * static_cast<int64_t>(sizeof(float)) + kHeader;
  check(bytes <= limit_,
        "{}: the state of a picture takes {} bytes, more than the {} that the folder may have",
        printable(path_, 1000), bytes, limit_);
  session.save(file(key));
  remove_oldest();
}

void ImageFolder::remove_oldest() const {
  std::vector<Entry> entries = tidied_entries_of(path_);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used > b.used; });
  int64_t kept = 0;
  for (const Entry& entry : entries) {
    std::error_code ignored;
    if (entry.bytes > limit_ - kept)
      fs::remove(entry.path, ignored);
    else
      kept += entry.bytes;
  }
}

}  // namespace cobra
