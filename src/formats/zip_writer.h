// Writes zip archives of stored members: for files that are compressed already.
#pragma once

#include <deque>
#include <memory>
#include <string>

struct zip;

namespace cobra {

/// Members are kept in memory until `finish()` writes the archive; without it nothing is written. The bytes
/// of an archive depend on nothing but its members: it has no times.
class ZipWriter {
 public:
  /// Throws Error naming the path when it exists or cannot be made.
  explicit ZipWriter(std::string path);

  /// Throws Error when there is a member `name` already.
  void add(const std::string& name, std::string bytes);
  /// Throws Error naming the path on a full disk and the like.
  void finish();

 private:
  struct Discard {
    void operator()(::zip* archive) const;
  };

  std::string path_;
  std::deque<std::string> members_;  // libzip reads them in finish()
  std::unique_ptr<::zip, Discard> archive_;
};

}  // namespace cobra
