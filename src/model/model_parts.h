// What a Model is made of; for cobra's own sources.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "cobra/model.h"
#include "formats/gguf.h"
#include "lm/mamba.h"
#include "lm/projector.h"
#include "model/weight_store.h"
#include "tokenizer/tokenizer.h"
#include "vision/vit.h"

namespace cobra {

/// Towers and projector, bound when the first picture comes.
struct VisionParts {
  WeightStore store;
  std::vector<VitWeights> towers;
  ProjectorWeights projector;
};

struct ModelParts {
  Runtime runtime;
  GgufFile file;
  ModelConfig config;
  std::unique_ptr<Tokenizer> tokenizer;
  WeightStore store;
  MambaWeights mamba;

  std::once_flag vision_once;
  std::unique_ptr<VisionParts> vision;

  std::once_flag fingerprint_once;
  uint64_t fingerprint_value = 0;

  ModelParts(const std::string& path, const Runtime& runtime_);
  /// Binds at the first call; safe from any thread.
  const VisionParts& vision_parts();
  /// Throws Error when there is none.
  const Tokenizer& needed_tokenizer() const;
  /// Model::fingerprint, computed at the first call; safe from any thread.
  uint64_t fingerprint();
};

}  // namespace cobra
