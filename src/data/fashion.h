// Fashion-MNIST (arXiv 1708.07747: 70,000 pictures of garments in ten classes) as questions and answers.
//
//     OUT/train.json            60,000 conversations in LLaVA's format
//     OUT/fashion-train.zip     their pictures
//     OUT/test.json             10,000 conversations
//     OUT/download/vqa-v2/      the same questions and their pictures in the layout of VQA-v2's downloads
//
// A human turn is a question and VQA-v2's pinned request for a short answer, so that a model is trained and
// tested with the same prompts; without the request where a sentence answers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace cobra::data {

struct FashionOptions {
  std::string from;      // folder of the four IDX files
  std::string output;    // folder to make
  uint64_t seed = 0;     // chooses the phrasings
  double sentences = 0;  // share of the training questions that are answered by a sentence, 0 to 1
  std::function<void(int64_t done, int64_t total)> progress;
};

struct FashionReport {
  int64_t train = 0;
  int64_t test = 0;
};

/// Where Debian's package dataset-fashion-mnist puts its files.
constexpr const char* kFashionFolder = "/usr/share/datasets/fashion-mnist";

/// Makes the folder, complete or not at all; its bytes follow from the files and the seed. Throws Error
/// naming the file and what is wrong with it.
FashionReport make_fashion(const FashionOptions& options);

}  // namespace cobra::data
