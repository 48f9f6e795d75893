// The order of an epoch: a pure function of its arguments, so a resumed run needs only how many batches are
// done. Source: SplitModalitySampler of cobra/util/batching_utils.py, and torch's DistributedSampler.
//
// What the stages use: finetune and full-finetune take split_modality_order when the data have pictures;
// align takes shuffled_order, as the official code does. Data of text alone, which the official sampler
// refuses, take shuffled_order too. Data with pictures in every example are an ordinary case of
// split_modality_order.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"

namespace cobra::data {

struct SamplerOptions {
  int64_t global_batch_size = 128;  // a multiple of `ranks`
  int64_t ranks = 1;
  uint64_t seed = 7;  // the official default
};

/// Indices of examples, batch after batch, each of global_batch_size: in it rank 0's share, then rank 1's,
/// ... Every example occurs; some occur twice, to fill a modality's last batch.
using EpochOrder = std::vector<int64_t>;

/// Batches have one modality and similar lengths across ranks; the batch with the longest example comes
/// first. Throws Error when no example has a picture, when a modality has too few examples to fill one batch
/// (fewer than half of it), and for options that do not fit.
EpochOrder split_modality_order(const std::vector<ModalityLength>& lengths, const SamplerOptions& options,
                                int64_t epoch);

/// A plain permutation, dealt to the ranks in turn; the last batch is filled from the start of the
/// permutation.
EpochOrder shuffled_order(int64_t examples, const SamplerOptions& options, int64_t epoch);

/// split_modality_order for finetuning on data with pictures, else shuffled_order.
EpochOrder epoch_order(Stage stage, const std::vector<ModalityLength>& lengths, const SamplerOptions& options,
                       int64_t epoch);

/// One rank's part: global_batch_size / ranks indices of each batch.
std::vector<int64_t> rank_order(const EpochOrder& order, const SamplerOptions& options, int64_t rank);

/// Deals a batch, sorted by length, to `buckets` of equal size, each time to the one with the least total
/// length.
std::vector<std::vector<int64_t>> reindex_batch(const std::vector<int64_t>& batch,
                                                const std::vector<int64_t>& lengths, int64_t buckets);

}  // namespace cobra::data
