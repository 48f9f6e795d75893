// A folder of many files that appears complete or not at all.
#pragma once

#include <string>
#include <string_view>

namespace cobra {

/// Collects files in a folder of a temporary name beside `path`; `commit()` flushes them to the disk and
/// gives the folder its name. Without commit the temporary folder is removed.
class AtomicFolder {
 public:
  /// Throws Error naming the path: it exists and is not an empty folder, or cannot be made.
  explicit AtomicFolder(std::string path);
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  ~AtomicFolder();

  /// Where the file `name` ("a/b.png", folders are made) is to be written until commit.
  std::string place(const std::string& name);
  /// Writes a new file. Throws Error naming the path on a full disk and the like.
  void write(const std::string& name, std::string_view bytes);
  /// Nothing may be written afterwards.
  void commit();

 private:
  std::string path_;
  std::string temporary_;
};

}  // namespace cobra
