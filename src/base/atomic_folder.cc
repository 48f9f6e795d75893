#include "base/atomic_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/fail.h"
#include "base/file.h"

namespace cobra {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownPathBytes = 4096;

[[noreturn]] void fail_to_write(const std::string& path, int error) {
  fail("{}: cannot write: {}", printable(path, kShownPathBytes), std::strerror(error));
}

void make_folders(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail_to_write(path.string(), error.value());
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

/// The folder's own name, which the finished one takes: without slashes at its end, "." and "..", and behind
/// links.
std::string own_name(std::string path) {
  path = without_slash(std::move(path));
  const std::string last = fs::path(path).filename().string();
  std::error_code error;
  const bool link = fs::is_symlink(path, error);
  if (!link && last != "." && last != "..") return path;
  const std::string own = without_slash(fs::weakly_canonical(path, error).string());
  check(!error && !fs::is_symlink(own, error), "{}: a link that leads to no folder",
        printable(path, kShownPathBytes));
  check(own != fs::current_path(error).string(),
        "{}: the current folder cannot be replaced: name another one", printable(path, kShownPathBytes));
  return own;
}

/// A new folder beside `path`.
std::string make_temporary(const std::string& path) {
  std::string name;
  int made = 0;
  do {  // one that is there was left by a process of the same number that is gone
    name = temporary_name(path);
    made = ::mkdir(name.c_str(), 0777);
  } while (made != 0 && errno == EEXIST);
  if (made != 0) fail_to_write(path, errno);
  return name;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

/// One flush for all files: a flush for each would take minutes.
void flush_file_system(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool flushed = fd >= 0 && ::syncfs(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!flushed) fail_to_write(folder, error);
}

}  // namespace

AtomicFolder::AtomicFolder(std::string path) : path_(own_name(std::move(path))) {
  std::error_code error;
  if (fs::exists(path_, error)) {
    check(fs::is_directory(path_, error), "{}: not a folder", printable(path_, kShownPathBytes));
    check(fs::is_empty(path_, error), "{}: the folder is not empty", printable(path_, kShownPathBytes));
  }
  const fs::path parent = fs::path(path_).parent_path();
  if (!parent.empty()) make_folders(parent);
  temporary_ = make_temporary(path_);
}

AtomicFolder::~AtomicFolder() {
  std::error_code error;
  if (!temporary_.empty()) fs::remove_all(temporary_, error);
}

std::string AtomicFolder::place(const std::string& name) {
  const fs::path place = fs::path(temporary_) / name;
  make_folders(place.parent_path());
  return place.string();
}

void AtomicFolder::write(const std::string& name, std::string_view bytes) {
  const int fd = ::open(place(name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) fail_to_write(path_ + "/" + name, errno);
  const bool written = write_all(fd, bytes);
  const int error = errno;
  if (::close(fd) != 0 || !written) fail_to_write(path_ + "/" + name, written ? errno : error);
}

void AtomicFolder::commit() {
  flush_file_system(temporary_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_to_write(path_, errno);
  temporary_.clear();
}

}  // namespace cobra
