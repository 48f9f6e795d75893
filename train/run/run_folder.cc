#include "train/run/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/fail.h"
#include "base/file.h"
#include "train/run/start.h"

namespace cobra::train {

namespace fs = std::filesystem;

void check_unused(const std::string& folder) {
  check(!fs::exists(fs::path(folder) / kRecipeFile),
        "{}: holds a run already: go on with it by --resume, or name another folder",
        printable(folder, 1000));
}

RunFolder::RunFolder(const RunRecipe& recipe, bool resume) {
  ensure_folder(recipe.output);
  const std::string path = (fs::path(recipe.output) / kRecipeFile).string();
  if (!resume) {
    check_unused(recipe.output);
    AtomicFile file(path);
    file.write(to_json(recipe).dump(2) + "\n");
    file.commit_new();  // whoever comes second finds a run here
  }
  fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);  // NFS locks what can be written
  if (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd_);
    fail("{}: another process trains in this folder", printable(recipe.output, 1000));
  }
}

RunFolder::~RunFolder() {
  if (fd_ >= 0) ::close(fd_);
}

RunFolder& RunFolder::operator=(RunFolder&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

}  // namespace cobra::train
