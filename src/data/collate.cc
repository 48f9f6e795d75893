#include "data/collate.h"

#include <algorithm>

#include "base/fail.h"

namespace cobra::data {

PaddedBatch collate(std::span<const Tokenized> examples, int32_t pad_id, int64_t max_length) {
  check(!examples.empty(), "collate: a batch needs at least one example");
  PaddedBatch batch;
  batch.rows = static_cast<int64_t>(examples.size());
  for (const Tokenized& e : examples) {
    batch.length = std::max(batch.length, std::min(max_length, static_cast<int64_t>(e.input_ids.size())));
  }
  const auto length = static_cast<size_t>(batch.length);
  batch.input_ids.assign(examples.size() * length, pad_id);
  batch.labels.assign(examples.size() * length, kIgnoredLabel);
  for (size_t row = 0; row < examples.size(); ++row) {
    const Tokenized& e = examples[row];
    const size_t used = std::min(length, e.input_ids.size());
    std::copy_n(e.input_ids.begin(), used, batch.input_ids.begin() + static_cast<int64_t>(row * length));
    std::copy_n(e.labels.begin(), used, batch.labels.begin() + static_cast<int64_t>(row * length));
    if (e.has_picture) batch.multimodal_indices.push_back(static_cast<int64_t>(row));
  }
  for (const int64_t id : batch.input_ids) batch.attention_mask.push_back(id != pad_id);
  const auto ignored = std::count(batch.labels.begin(), batch.labels.end(), kIgnoredLabel);
  batch.valid_labels = static_cast<int64_t>(batch.labels.size()) - ignored;
  return batch;
}

}  // namespace cobra::data
