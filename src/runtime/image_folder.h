// The file form of the image cache: a folder of session files, of which the ones used last stay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cobra/session.h"

namespace cobra {

/// Files "KEY.cobra-picture" in a folder; other files are left alone. Each is written atomically, and one
/// that another process removes meanwhile is only a state that is not found.
class ImageFolder {
 public:
  /// Makes the folder. Throws Error naming it when that fails.
  ImageFolder(std::string path, int64_t limit_bytes);

  /// The state under `key` counts as used now.
  void touch(const std::string& key) const;
  /// The state under `key`, which counts as used now. nullopt: there is none, or it is damaged.
  std::optional<Session> find(const Model& model, const std::string& key) const;
  /// Keeps a state and removes those used longest ago until the folder is within its limit again; throws
  /// Error naming the folder for a state that alone is larger, or the file that cannot be written.
  void put(const std::string& key, const Session& session) const;

 private:
  std::string path_;
  int64_t limit_;

  std::string file(const std::string& key) const;
  void remove_oldest() const;
};

}  // namespace cobra
