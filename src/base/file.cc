#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/fail.h"
#include "base/pages.h"

namespace cobra {
namespace {

constexpr size_t kWriteBufferBytes = 1 << 20;
constexpr size_t kShownPathBytes = 4096;

/// Opens a regular file for reading and returns {descriptor, size}.
std::pair<int, int64_t> open_regular(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail("{}: cannot open: {}", printable(path, kShownPathBytes), std::strerror(errno));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    fail("{}: not a regular file", printable(path, kShownPathBytes));
  }
  return {fd, info.st_size};
}

/// A device or pipe must not be replaced by a file, and a folder cannot be: better said before the work than
/// after.
void check_replaceable(const std::string& path) {
  struct stat info {};
  const bool other = ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  if (other) fail("{}: cannot write: not a regular file", printable(path, kShownPathBytes));
}

/// Where a path leads that is a symbolic link: the link stays, and the file that it names is replaced.
std::string behind_links(std::string path) {
  constexpr int kMostLinks = 40;  // as many as the system follows
  std::error_code error;
  for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(path, error); ++i) {
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (!error) path = (std::filesystem::path(path).parent_path() / target).string();
  }
  return path;
}

/// By which a file without a name is linked.
std::string name_of_descriptor(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// Who may read the file that is replaced may read the new one, and nobody else.
void keep_permissions(const std::string& path, int fd) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) ::fchmod(fd, info.st_mode & 0777);  // as far as the file system can
}

/// A new file without a name in the folder of `path`; -1 where there are none, or where `path` could not take
/// one later, which is better told before the work than after.
int open_nameless(const std::string& path) {
  if (!exists(temporary_name(path)) && errno != ENOENT) return -1;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644);
  if (fd < 0 || exists(name_of_descriptor(fd))) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

std::string temporary_name(const std::string& path) {
  static std::atomic<int> counter{0};
  return fmt::format("{}.{}.{}.tmp", path, ::getpid(), counter++);
}

MappedFile::MappedFile(std::string path) : path_(std::move(path)) {
  const auto [fd, size] = open_regular(path_);
  size_ = size;
  if (size_ > 0) {
    void* map = ::mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_SHARED, fd, 0);
    const int error = errno;
    ::close(fd);
    if (map == MAP_FAILED) {
      size_ = 0;
      fail("{}: cannot map {} bytes: {}", printable(path_, kShownPathBytes), size, std::strerror(error));
    }
    data_ = static_cast<const std::byte*>(map);
  } else {
    ::close(fd);
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_));
}

void MappedFile::release_pages(std::span<const std::byte> part) const {
  const std::span<std::byte> whole = whole_pages({const_cast<std::byte*>(part.data()), part.size()});
  if (!whole.empty()) ::madvise(whole.data(), whole.size(), MADV_DONTNEED);
}

std::string read_file(const std::string& path, int64_t max_bytes) {
  const auto [fd, size] = open_regular(path);
  if (size > max_bytes) {
    ::close(fd);
    fail("{}: {} bytes, more than the limit of {}", printable(path, kShownPathBytes), size, max_bytes);
  }
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int error = errno;
      ::close(fd);
      if (n == 0) fail("{}: shrank while it was read", printable(path, kShownPathBytes));
      fail("{}: cannot read: {}", printable(path, kShownPathBytes), std::strerror(error));
    }
    done += static_cast<size_t>(n);
  }
  ::close(fd);
  return bytes;
}

void check_output_differs(const std::string& output, const std::string& input) {
  std::error_code none;  // a path that does not exist yet is not the same file
  check(!std::filesystem::equivalent(output, input, none), "{}: the output is the input; choose another name",
        printable(output, kShownPathBytes));
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  check_replaceable(path_);
  path_ = behind_links(std::move(path_));
  fd_ = open_nameless(path_);
  if (fd_ < 0) open_named();
  keep_permissions(path_, fd_);
  buffer_.reserve(kWriteBufferBytes);
}

void AtomicFile::open_named() {
  do {  // one that is there was left by a process of the same number that is gone
    temporary_ = temporary_name(path_);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) fail("{}: cannot write: {}", printable(path_, kShownPathBytes), std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
}

void AtomicFile::take_temporary_name() {
  const std::string nameless = name_of_descriptor(fd_);
  std::string name;
  int linked = 0;
  do {
    name = temporary_name(path_);
    linked = ::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
  } while (linked != 0 && errno == EEXIST);
  if (linked != 0) fail("{}: cannot write: {}", printable(path_, kShownPathBytes), std::strerror(errno));
  temporary_ = name;
}

void AtomicFile::write(const void* data, int64_t bytes) {
  const char* next = static_cast<const char*>(data);
  position_ += bytes;
  while (bytes > 0) {
    const auto part = std::min<int64_t>(bytes, static_cast<int64_t>(kWriteBufferBytes - buffer_.size()));
    buffer_.append(next, static_cast<size_t>(part));
    next += part;
    bytes -= part;
    if (buffer_.size() == kWriteBufferBytes) flush();
  }
}

void AtomicFile::flush() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: cannot write: {}", printable(path_, kShownPathBytes), std::strerror(errno));
    done += static_cast<size_t>(n);
  }
  buffer_.clear();
}

const std::string& AtomicFile::prepare() {
  if (prepared_) return temporary_;
  flush();
  if (::fsync(fd_) != 0)
    fail("{}: cannot flush to disk: {}", printable(path_, kShownPathBytes), std::strerror(errno));
  if (temporary_.empty()) take_temporary_name();
  prepared_ = true;
  return temporary_;
}

void AtomicFile::commit() {
  prepare();
  finish(::close(std::exchange(fd_, -1)) == 0 && ::rename(temporary_.c_str(), path_.c_str()) == 0);
}

void AtomicFile::commit_new() {
  prepare();
  const bool linked = ::close(std::exchange(fd_, -1)) == 0 && ::link(temporary_.c_str(), path_.c_str()) == 0;
  if (!linked && (errno == EPERM || errno == EOPNOTSUPP) && !exists(path_)) {  // no links on this file system
    return finish(::rename(temporary_.c_str(), path_.c_str()) == 0);
  }
  finish(linked);
  ::unlink(temporary_.c_str());
}

void AtomicFile::finish(bool ok) const {
  if (ok) return;
  const int error = errno;
  ::unlink(temporary_.c_str());
  fail("{}: cannot write: {}", printable(path_, kShownPathBytes), std::strerror(error));
}

void ensure_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  check(!error, "{}: cannot be made: {}", printable(path, kShownPathBytes), error.message());
}

void write_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace cobra
