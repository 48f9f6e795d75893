// The downloads of RefCOCO, RefCOCO+ and RefCOCOg: a pickle of expressions and a JSON file of boxes. Source:
// github.com/lichengunc/refer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cobra::eval {

/// One object that people refer to, and how.
struct ReferredObject {
  int64_t ref_id;
  int64_t annotation_id;
  int64_t image_id;
  std::string split;
  std::vector<std::pair<int64_t, std::string>> sentences;  // id and text
};

/// "refs(unc).p". Throws Error naming the file and what is wrong.
std::vector<ReferredObject> read_referred_objects(const std::string& path);

/// "instances.json"
struct Instances {
  std::unordered_map<int64_t, std::array<double, 4>> boxes;      // by annotation: x, y, width, height
  std::unordered_map<int64_t, std::array<int64_t, 2>> pictures;  // by image: width, height
};
Instances read_instances(const std::string& path);

/// x1, y1, x2, y2 as fractions of the picture, rounded to two decimals as Python rounds.
std::array<double, 4> normalized_box(const std::array<double, 4>& box, const std::array<int64_t, 2>& picture);

}  // namespace cobra::eval
