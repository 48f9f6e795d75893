// Files: mapped for reading, whole-file reads with a limit, and atomic writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cobra {

/// A read-only memory map of a regular file. Move-only. Reading a view after the file shrinks is the one
/// fault a map cannot report, so files in use must not be truncated (cobra replaces files by rename, which is
/// safe).
class MappedFile {
 public:
  /// Throws Error "path: reason" when it cannot be opened, is not a regular file, or cannot be mapped.
  explicit MappedFile(std::string path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, static_cast<size_t>(size_)}; }

  /// Lets the system drop these pages from memory; they are read again from the file when touched.
  void release_pages(std::span<const std::byte> part) const;

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

/// The bytes of a file of at most `max_bytes`. Throws Error naming the path (missing, not a file, too large).
std::string read_file(const std::string& path, int64_t max_bytes);

/// A name beside `path` that no other call, of this process or another one, gives: for what takes the place
/// of `path` later.
std::string temporary_name(const std::string& path);

/// Throws Error when `output` is the same file as `input`. (Writing is by rename, so this guards against a
/// slip of the user's, not against damage while reading.)
void check_output_differs(const std::string& output, const std::string& input);

/// Writes a file so that `path` is either the old file or the complete new one: a file without a name in the
/// same folder, and in `commit()` fsync, a temporary name and rename. Without commit it is gone, and so it is
/// when the process is killed. Where the file system has no files without names it has its temporary name
/// from the start, which then is removed without commit, but not by one who is killed. A `path` that is a
/// symbolic link stays one: the file that it names is written.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  const std::string& path() const { return path_; }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Appends; throws Error naming the path on a full disk and the like.
  void write(const void* data, int64_t bytes);
  void write(std::string_view text) { write(text.data(), static_cast<int64_t>(text.size())); }
  /// Bytes written so far.
  int64_t position() const { return position_; }
  /// What `commit` does but for the final name: afterwards nothing may be written, and little is left that
  /// can fail, so that two files can appear one right after the other. Returns where the file is meanwhile.
  const std::string& prepare();
  /// Flushes to the disk and takes the final name. Nothing may be written afterwards.
  void commit();
  /// The same, but throws Error where there is a file of that name by now.
  void commit_new();

 private:
  std::string path_;
  std::string temporary_;  // "" as long as the file has no name
  std::string buffer_;
  int fd_ = -1;
  int64_t position_ = 0;
  bool prepared_ = false;
  void open_named();
  void take_temporary_name();
  void flush();
  void finish(bool ok) const;
};

/// Makes a folder, and those above it, where it is missing. Throws Error "path: cannot be made: reason".
void ensure_folder(const std::string& path);

/// Makes or replaces a file, whole or not at all, as AtomicFile does.
void write_file(const std::string& path, std::string_view text);

}  // namespace cobra
