// The folder of a run: whose it is.
#pragma once

#include <string>

#include "train/run/recipe.h"

namespace cobra::train {

/// Throws Error when `folder` holds a run already.
void check_unused(const std::string& folder);

/// Holds the folder while it lives by a lock on its recipe, so that no other process trains into it (where
/// the file system has locks).
class RunFolder {
 public:
  /// Nothing is held: ranks other than the first.
  RunFolder() = default;
  /// Makes the folder and writes the recipe into it, or with `resume` takes the one that is there. Throws
  /// Error when it holds a run that shall not be resumed, when another process has it, and when it cannot be
  /// made.
  RunFolder(const RunRecipe& recipe, bool resume);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  RunFolder& operator=(RunFolder&& other) noexcept;

 private:
  int fd_ = -1;
};

}  // namespace cobra::train
