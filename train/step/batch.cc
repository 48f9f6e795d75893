#include "train/step/batch.h"

#include "base/fail.h"

namespace cobra::train {

std::string describe(const Tensor& tensor) {
  std::vector<std::string> sizes;
  for (const int64_t size : tensor.sizes()) sizes.push_back(std::to_string(size));
  return fmt::format("[{}] {}", fmt::join(sizes, ", "), torch::toString(tensor.scalar_type()));
}

namespace {

void check_integers(const Tensor& tensor, int64_t rank, const char* name) {
  check(tensor.defined() && tensor.dim() == rank && tensor.scalar_type() == torch::kInt64,
        "batch: '{}' must be int64 of {} dimensions, found {}", name, rank,
        tensor.defined() ? describe(tensor) : "nothing");
}

void check_range(const Tensor& values, int64_t low, int64_t high, const char* name) {
  if (values.numel() == 0) return;
  const auto smallest = values.min().item<int64_t>(), largest = values.max().item<int64_t>();
  check(smallest >= low && largest < high, "batch: '{}' must be from {} to {}, found {} to {}", name, low,
        high - 1, smallest, largest);
}

void check_labels(const Tensor& labels, int64_t vocab_size) {
  const Tensor counted = labels.masked_select(labels != kIgnoredLabel);
  check_range(counted, 0, vocab_size, "labels");
}

}  // namespace

void check_batch(const Batch& batch, int64_t vocab_size) {
  check_integers(batch.input_ids, 2, "input_ids");
  check_integers(batch.labels, 2, "labels");
  check_integers(batch.multimodal_indices, 1, "multimodal_indices");
  check(batch.input_ids.sizes() == batch.labels.sizes(),
        "batch: 'labels' must have the shape of 'input_ids', {}, found {}", describe(batch.input_ids),
        describe(batch.labels));
  check(batch.input_ids.numel() > 0, "batch: 'input_ids' is empty");
  check_range(batch.input_ids, 0, vocab_size, "input_ids");
  check_labels(batch.labels, vocab_size);
  check_range(batch.multimodal_indices, 0, batch.rows(), "multimodal_indices");
  const Tensor& indices = batch.multimodal_indices;
  const bool ascending = indices.numel() < 2 || (indices.diff() > 0).all().item<bool>();
  check(ascending, "batch: 'multimodal_indices' must be ascending");
}

}  // namespace cobra::train
