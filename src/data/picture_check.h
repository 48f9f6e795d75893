// Looks at all pictures of a data set before hours are spent on it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/pictures.h"

namespace cobra::data {

/// Called by one thread at a time.
using Progress = std::function<void(int64_t done, int64_t total)>;

struct PictureCheck {
  const PictureFolder* folder = nullptr;
  bool decode = true;  // else only looks whether they are there
  int threads = 1;
  Progress progress;
};

enum class PictureState { good, missing, broken };

struct PictureVerdict {
  PictureState state = PictureState::good;
  std::string reason;  // "" when good
};

/// One verdict for each name.
std::vector<PictureVerdict> check_pictures(const std::vector<std::string>& names, const PictureCheck& check);

}  // namespace cobra::data
