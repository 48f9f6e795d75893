// The whole data set of scenes and illusions, to train and to test.
//
//     OUT/train.json, scenes-train.zip      conversations in LLaVA's format, and their pictures
//     OUT/download/{vqa-v2,vsr,pope}/       test scenes, in the layout of the benchmarks' downloads
//     OUT/illusions/download/vqa-v2/        test illusions
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "scenes/scene.h"

namespace cobra::scenes {

/// What is trained. All but conversations are scenes alone, without illusions and talk, and little in their
/// answers follows from the questions.
enum class Teaching { conversations, captions, places, lookups, comparisons };

struct DatasetOptions {
  std::string output;  // folder to make
  uint64_t seed = 0;
  int64_t train = 60000;               // conversations
  int64_t test = 500;                  // scenes, and as many illusions
  int pixels = 128;                    // length of a picture's side
  size_t max_objects = kUsualObjects;  // in a scene; fewer are easier to learn from
  Teaching teaching = Teaching::conversations;
  std::function<void(int64_t done, int64_t total)> progress;
};

struct DatasetReport {
  int64_t train = 0;           // conversations
  int64_t test_questions = 0;  // of all layouts
};

/// Makes the folder, complete or not at all; its bytes follow from the options. Throws Error naming the path
/// that cannot be written.
DatasetReport make_dataset(const DatasetOptions& options);

}  // namespace cobra::scenes
