// Batches from examples in LLaVA's JSON format, by the library in src/data.
#pragma once

#include <memory>
#include <string>

#include "cobra/config.h"
#include "tokenizer/tokenizer.h"
#include "train/model/cobra_vlm.h"
#include "train/run/training_data.h"

namespace cobra::train {

struct LlavaOptions {
  std::string data, images;
  Stage stage = Stage::finetune;
  int64_t max_length = 2048;
  int64_t global_batch_size = 128;
  uint64_t seed = 7;
  int rank = 0, ranks = 1;
};

/// Opens the file and looks for every picture. Examples that are no use are left out and told in notes().
std::unique_ptr<TrainingData> open_llava_data(const LlavaOptions& options, const ModelConfig& config,
                                              const TokenizerData& tokenizer);

}  // namespace cobra::train
