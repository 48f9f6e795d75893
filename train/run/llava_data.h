// Examples in LLaVA's JSON format: [{"id", "image", "conversations": [{"from", "value"}, ...]}, ...].
#pragma once

#include <memory>
#include <string>

#include "cobra/config.h"
#include "tokenizer/tokenizer.h"
#include "train/run/training_data.h"

namespace cobra::train {

struct LlavaOptions {
  std::string data, images;
  int64_t max_length = 2048;
  int64_t global_batch_size = 128;
  uint64_t seed = 7;
  int rank = 0, ranks = 1;
};

std::unique_ptr<TrainingData> open_llava_data(const LlavaOptions& options, const ModelConfig& config,
                                              const TokenizerData& tokenizer);

}  // namespace cobra::train
