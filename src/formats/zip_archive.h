// Read-only members of a zip archive in memory: stored ones in place, deflated ones inflated by libzip.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/zip_directory.h"

struct zip;

namespace cobra {

class ZipArchive {
 public:
  /// `file` is the whole archive and must outlive this object. Throws Error that starts with `source`: broken
  /// archive, encrypted member, compression method other than stored or deflate, duplicate names.
  ZipArchive(std::span<const std::byte> file, std::string source);

  const std::vector<ZipMember>& members() const { return members_; }
  /// nullptr when absent.
  const ZipMember* find(const std::string& name) const;

  static bool is_stored(const ZipMember& member) { return member.method == 0; }
  /// The bytes of a stored member, in place. Its checksum is not computed: that would read the whole file.
  std::span<const std::byte> stored(const ZipMember& member) const;
  /// Inflates a member into `out`, which has exactly `member.bytes` bytes. Throws Error when the data or its
  /// checksum is wrong. Not for two threads at once.
  void inflate(const ZipMember& member, std::span<std::byte> out) const;

 private:
  struct Close {
    void operator()(::zip* archive) const;
  };

  std::span<const std::byte> file_;
  std::string source_;
  std::unique_ptr<::zip, Close> archive_;
  std::vector<ZipMember> members_;
  std::map<std::string, size_t> index_;

  void check_member(size_t i) const;
};

}  // namespace cobra
