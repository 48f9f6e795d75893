// Pictures by name below a folder: plain files, or members of zip archives that stand in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cobra/image.h"

namespace cobra::data {

/// `root`/coco/7.jpg is a file; where `root`/garments.zip is a file, "garments.zip/00001.png" is its member
/// 00001.png, stored or deflated. All functions may be called from any thread; an archive is opened once and
/// stays mapped.
class PictureFolder {
 public:
  explicit PictureFolder(std::string root);
  ~PictureFolder();

  const std::string& root() const { return root_; }
  /// Whether there is such a file or member. Throws Error for a name that leaves the folder ("/x", "../x") or
  /// has more than 4096 bytes, and for a broken archive.
  bool contains(const std::string& name) const;
  /// The encoded bytes. Throws Error naming the path: absent, larger than 64 MiB, a broken archive.
  std::vector<std::byte> read(const std::string& name) const;
  /// Decoded; throws as read() and Image::decode do.
  Image load(const std::string& name) const;

 private:
  struct Archive;
  /// A name split at its archive; `archive` is nullptr for a plain file.
  struct Place {
    const Archive* archive;
    std::string name;  // path of the file, or name of the member
  };

  std::string root_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::unique_ptr<Archive>> archives_;  // by path

  Place find(const std::string& name) const;
  const Archive& open_archive(const std::string& path) const;
};

}  // namespace cobra::data
