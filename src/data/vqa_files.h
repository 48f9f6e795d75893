// Writing questions in the layout of VQA-v2's downloads, so that 'cobra eval' scores data sets of our own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/atomic_folder.h"
#include "formats/json.h"

namespace cobra::data {

/// Ten people agree on the answer.
struct VqaItem {
  int64_t image_id;
  int64_t question_id;
  std::string question;
  std::string type;  // "question_type": the scorer tells them apart
  std::string answer;
};

/// VQA-v2 numbers the questions of a picture from 1000 times its number.
constexpr int64_t vqa_question_id(int64_t image_id, int64_t i = 0) { return image_id * 1000 + i; }

/// "download/vqa-v2/images_val2014/COCO_val2014_000000000007.jpg"; the bytes may be those of any format.
std::string vqa_picture(int64_t image_id);

/// Writes questions and annotations below `prefix` ("" or "illusions/"). `description` names the data set.
void write_vqa_files(AtomicFolder& folder, const std::string& prefix, const std::string& description,
                     const std::vector<VqaItem>& items);

/// The text of a JSON array with an item on each line.
template <typename MakeItem>
std::string json_lines(int64_t count, const MakeItem& item) {
  std::string text = "[\n";
  for (int64_t i = 0; i < count; ++i) text += item(i).dump() + (i + 1 < count ? ",\n" : "\n");
  return text + "]\n";
}

}  // namespace cobra::data
