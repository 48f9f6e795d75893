#include "data/feature_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/fail.h"
#include "base/file.h"
#include "data/feature_entry.h"

namespace cobra::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxValues = int64_t{1} << 28;  // of one entry

FeatureShape shape_of(const FeatureCacheOptions& o) { return {o.rows, o.width, o.type}; }

void check_options(const FeatureCacheOptions& o) {
  check(!o.folder.empty(), "feature cache: no folder is named");
  check(o.rows > 0 && o.width > 0 && o.rows <= kMaxValues / o.width,
        "feature cache: entries of {} x {} values", o.rows, o.width);
  check(o.type == DType::f32 || o.type == DType::bf16, "feature cache: entries must be f32 or bf16, found {}",
        name(o.type));
  check(o.max_bytes >= 0, "feature cache: a limit of {} bytes", o.max_bytes);
}

Hash128 hash_origin(const FeatureCacheOptions& o) {
  Hasher hasher;
  hasher.add(fmt::format("{} {} {}\n", o.rows, o.width, name(o.type)));
  hasher.add(o.fingerprint);
  return hasher.digest();
}

/// Writes a file under a name of its own, then renames it. No fsync: what a power cut tears, the checksum
/// finds. Returns whether it worked.
bool replace_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = temporary_name(path);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  bool ok = true;
  while (ok && !bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    ok = n > 0;
    if (ok) bytes.remove_prefix(static_cast<size_t>(n));
  }
  ok = ::close(fd) == 0 && ok && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!ok) ::unlink(temporary.c_str());
  return ok;
}

int64_t bytes_below(const std::string& folder) {
  int64_t total = 0;
  std::error_code error;  // files may come and go meanwhile
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const auto bytes = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    if (!gone) total += static_cast<int64_t>(bytes);
  }
  return total;
}

}  // namespace

/// How many bytes the processes that share the folder have stored: a number in the file `bytes`, changed
/// under a lock. Counted anew by a process that finds no other using the cache.
class FeatureCache::Quota {
 public:
  Quota(const std::string& folder, int64_t max_bytes) : max_bytes_(max_bytes) {
    const std::string path = (fs::path(folder) / "bytes").string();
    users_ = open_file((fs::path(folder) / "users").string());
    fd_ = open_file(path);
    const bool alone = ::flock(users_, LOCK_EX | LOCK_NB) == 0;
    if (alone) change([&](int64_t) { return bytes_below(folder); });
    ::flock(users_, LOCK_SH);
  }
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;
  ~Quota() {
    if (fd_ >= 0) ::close(fd_);
    if (users_ >= 0) ::close(users_);
  }

  /// Takes `bytes` (negative: gives back) unless that would exceed the limit.
  bool take(int64_t bytes) {
    if (max_bytes_ == 0) return true;
    bool fits = false;
    change([&](int64_t used) {
      fits = bytes <= 0 || used + bytes <= max_bytes_;
      return fits ? used + bytes : used;
    });
    return fits;
  }

 private:
  int users_ = -1, fd_ = -1;
  int64_t max_bytes_;
  std::mutex mutex_;  // flock is between open files, not threads

  static int open_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) fail("{}: cannot write: {}", printable(path, 400), std::strerror(errno));
    return fd;
  }

  template <class Change>
  void change(const Change& new_value) {
    const std::lock_guard lock(mutex_);
    ::flock(fd_, LOCK_EX);
    int64_t used = 0;
    if (::pread(fd_, &used, sizeof used, 0) != sizeof used) used = 0;
    const int64_t next = new_value(used);
    // Not checked: a disk too full for eight bytes takes no entry either.
    [[maybe_unused]] const ssize_t written = ::pwrite(fd_, &next, sizeof next, 0);
    ::flock(fd_, LOCK_UN);
  }
};

FeatureCache::FeatureCache(const FeatureCacheOptions& options)
    : options_(options), origin_(hash_origin(options)) {
  check_options(options);
  std::error_code error;
  fs::create_directories(options.folder, error);
  check(!error, "{}: cannot make the feature cache's folder: {}", printable(options.folder, 400),
        error.message());
  quota_ = std::make_unique<Quota>(options.folder, options.max_bytes);
}

FeatureCache::~FeatureCache() = default;

Hash128 FeatureCache::key(std::span<const std::byte> picture) const {
  Hasher hasher;
  hasher.add(std::as_bytes(std::span(origin_)));
  hasher.add(picture);
  return hasher.digest();
}

std::string FeatureCache::path(const Hash128& key) const {
  const std::string hex = to_hex(key);
  return (fs::path(options_.folder) / hex.substr(0, 2) / (hex.substr(2) + ".features")).string();
}

std::optional<std::vector<float>> FeatureCache::find(const Hash128& key) const {
  const std::string file = path(key);
  std::error_code error;
  if (!fs::exists(file, error)) return ++misses_, std::nullopt;
  std::optional<std::vector<float>> features;
  try {
    const FeatureShape shape = shape_of(options_);
    features = decode_entry(read_file(file, entry_bytes(shape)), key, shape);
  } catch (const Error&) {  // too long, or not to be read
  }
  ++(features ? hits_ : damaged_);
  return features;
}

bool FeatureCache::store(const Hash128& key, const std::string& entry) {
  const std::string file = path(key);
  std::error_code error;
  fs::create_directory(fs::path(file).parent_path(), error);
  const auto old_bytes = fs::file_size(file, error);
  const int64_t growth = static_cast<int64_t>(entry.size()) - (error ? 0 : static_cast<int64_t>(old_bytes));
  if (!quota_->take(growth)) return false;
  if (replace_file(file, entry)) return true;
  quota_->take(-growth);
  return false;
}

std::vector<float> FeatureCache::put(const Hash128& key, std::vector<float> features) {
  check(static_cast<int64_t>(features.size()) == options_.rows * options_.width,
        "feature cache: {} values, expected {} x {}", features.size(), options_.rows, options_.width);
  ++(store(key, encode_entry(key, shape_of(options_), features)) ? stored_ : not_stored_);
  round_to_type(options_.type, features);
  return features;
}

std::vector<float> FeatureCache::get(std::span<const std::byte> picture, const Compute& compute) {
  const Hash128 k = key(picture);
  if (auto features = find(k)) return std::move(*features);
  return put(k, compute());
}

FeatureCache::Counts FeatureCache::counts() const { return {hits_, misses_, damaged_, stored_, not_stored_}; }

}  // namespace cobra::data
