// Rows of different lengths as one batch. Source: PaddedCollatorForLanguageModeling of
// cobra/util/data_utils.py.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/tokenize.h"

namespace cobra::data {

/// Row-major [rows, length]; what torch takes as int64.
struct PaddedBatch {
  int64_t rows = 0;
  int64_t length = 0;  // of the longest row
  std::vector<int64_t> input_ids;
  std::vector<int64_t> labels;              // kIgnoredLabel on padding
  std::vector<uint8_t> attention_mask;      // 0 wherever the id is pad_id, on padding or not (quirk 33)
  std::vector<int64_t> multimodal_indices;  // rows that have a picture, ascending
  int64_t valid_labels = 0;                 // what gradients of micro-batches are weighted by
};

/// Pads on the right, where padding cannot touch a result of a causal model, and cuts rows to `max_length`.
/// Throws Error for an empty batch.
PaddedBatch collate(std::span<const Tokenized> examples, int32_t pad_id, int64_t max_length = 2048);

}  // namespace cobra::data
