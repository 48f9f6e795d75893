#include "data/picture_check.h"

#include <mutex>

#include "base/parallel.h"
#include "cobra/error.h"

namespace cobra::data {
namespace {

PictureVerdict look_at(const std::string& name, const PictureCheck& options) {
  try {
    if (!options.folder->contains(name)) return {PictureState::missing, "there is no such picture"};
    if (options.decode) options.folder->load(name);
    return {};
  } catch (const Error& error) {
    return {PictureState::broken, error.what()};
  }
}

}  // namespace

std::vector<PictureVerdict> check_pictures(const std::vector<std::string>& names,
                                           const PictureCheck& options) {
  std::vector<PictureVerdict> verdicts(names.size());
  std::mutex mutex;
  int64_t done = 0;
  parallel_for(options.threads, static_cast<int64_t>(names.size()), [&](int64_t i, int) {
    verdicts[static_cast<size_t>(i)] = look_at(names[static_cast<size_t>(i)], options);
    const std::lock_guard lock(mutex);
    if (options.progress) options.progress(++done, static_cast<int64_t>(names.size()));
  });
  return verdicts;
}

}  // namespace cobra::data
