// Choosing the next token. Source: mamba_ssm 1.2.2 utils/generation.py (`sample` and its filters).
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "cobra/generate.h"

namespace cobra {

/// A token and its probability.
using TokenProbability = std::pair<int32_t, double>;

class Sampler {
 public:
  /// Throws Error naming the option that is out of range.
  explicit Sampler(const SamplingOptions& options);

  /// The next id. `previous` are the text ids so far (for the repetition penalty); logits are not changed.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> previous);

  /// The distribution that `sample` draws from, most likely first, zero probabilities left out.
  std::vector<TokenProbability> distribution(std::span<const float> logits,
                                             std::span<const int32_t> previous) const;

 private:
  SamplingOptions options_;
  std::mt19937_64 random_;

  std::vector<float> penalized(std::span<const float> logits, std::span<const int32_t> previous) const;
};

/// Index of the largest logit, the first one where several are equal; NaN never wins.
int32_t argmax(std::span<const float> logits);

}  // namespace cobra
