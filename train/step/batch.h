// What one forward pass takes. Source: Cobra's PaddedCollatorForLanguageModeling.
#pragma once

#include <vector>

#include "train/torch.h"

namespace cobra::train {

/// A label that takes no part in the loss.
inline constexpr int64_t kIgnoredLabel = -100;

struct Batch {
  Tensor input_ids;                  // [B, T] int64, padded on the right with any id
  Tensor labels;                     // [B, T] int64; kIgnoredLabel for padding and questions
  Tensor multimodal_indices;         // [M] int64, the rows that have a picture, ascending
  std::vector<Tensor> pixel_values;  // for each tower [M, 3, S, S], in the order of multimodal_indices
  Tensor features;  // [M, P, sum of widths]: what the towers give, if known; then no pixel_values

  int64_t rows() const { return input_ids.size(0); }
  int64_t pictures() const { return multimodal_indices.size(0); }
  /// Labels that count, before the shift by one: what gradients of micro-batches are weighted by.
  int64_t valid_labels() const { return (labels != kIgnoredLabel).sum().item<int64_t>(); }
};

/// Its shape and type, for messages: "[2, 3] Long".
std::string describe(const Tensor& tensor);

/// Throws Error naming the tensor unless types and shapes are as above, ids are below `vocab_size`, and
/// indices are rows.
void check_batch(const Batch& batch, int64_t vocab_size);

}  // namespace cobra::train
