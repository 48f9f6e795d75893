#include "data/sampler.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/fail.h"
#include "data/torch_random.h"

namespace cobra::data {
namespace {

/// What the official code adds to a picture's length when it looks for the longest batch: not the model's own
/// number.
constexpr int64_t kOfficialPatches = 576;

using Batch = std::vector<int64_t>;

void check_options(const SamplerOptions& o) {
  check(o.ranks > 0 && o.global_batch_size > 0 && o.global_batch_size % o.ranks == 0,
        "sampler: the global batch size {} must be a positive multiple of the number of ranks, {}",
        o.global_batch_size, o.ranks);
}

/// The examples of one modality: their indices in the dataset and their lengths.
struct Modality {
  std::string_view name;
  std::vector<int64_t> indices;
  std::vector<int64_t> lengths;
};

Modality select(const std::vector<ModalityLength>& all, bool has_picture) {
  Modality out{has_picture ? "with a picture" : "of text only", {}, {}};
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].has_picture != has_picture) continue;
    out.indices.push_back(static_cast<int64_t>(i));
    out.lengths.push_back(all[i].length);
  }
  return out;
}

/// Cuts an order into batches; a short last one takes what it lacks from the first.
std::vector<Batch> cut(const std::vector<int64_t>& order, const Modality& modality, int64_t size) {
  const auto n = static_cast<int64_t>(order.size());
  std::vector<Batch> batches;
  for (int64_t begin = 0; begin < n; begin += size) {
    batches.emplace_back(order.begin() + begin, order.begin() + std::min(begin + size, n));
  }
  if (batches.empty()) return batches;
  const auto missing = size - static_cast<int64_t>(batches.back().size());
  check(missing <= n,
        "sampler: {} examples {} cannot fill a batch of {}: at least half of it is needed; take a "
        "smaller batch, more of them, or none",
        n, modality.name, size);
  batches.back().insert(batches.back().end(), order.begin(), order.begin() + missing);
  return batches;
}

/// Sorts a batch by length, deals it to the ranks, and turns positions within the modality into dataset
/// indices.
Batch group_by_length(Batch batch, const Modality& modality, int64_t ranks) {
  const auto longer = [&](int64_t a, int64_t b) {
    return modality.lengths[static_cast<size_t>(a)] > modality.lengths[static_cast<size_t>(b)];
  };
  std::stable_sort(batch.begin(), batch.end(), longer);
  Batch out;
  for (const Batch& bucket : reindex_batch(batch, modality.lengths, ranks)) {
    for (const int64_t i : bucket) out.push_back(modality.indices[static_cast<size_t>(i)]);
  }
  return out;
}

void append_batches(std::vector<Batch>& out, const std::vector<int64_t>& order, const Modality& modality,
                    const SamplerOptions& options) {
  for (Batch& batch : cut(order, modality, options.global_batch_size)) {
    out.push_back(group_by_length(std::move(batch), modality, options.ranks));
  }
}

int64_t longest(const Batch& batch, const std::vector<ModalityLength>& lengths) {
  int64_t most = 0;
  for (const int64_t i : batch) {
    const ModalityLength& l = lengths[static_cast<size_t>(i)];
    most = std::max(most, l.length + (l.has_picture ? kOfficialPatches : 0));
  }
  return most;
}

/// A run that does not fit into memory should show it at its first step.
void move_longest_to_front(std::vector<Batch>& batches, const std::vector<ModalityLength>& lengths) {
  const auto shorter = [&](const Batch& a, const Batch& b) {
    return longest(a, lengths) < longest(b, lengths);
  };
  std::swap(batches.front(), *std::max_element(batches.begin(), batches.end(), shorter));
}

TorchGenerator generator_of(const SamplerOptions& options, int64_t epoch) {
  return TorchGenerator(options.seed + static_cast<uint64_t>(epoch));
}

EpochOrder flatten(const std::vector<Batch>& batches) {
  EpochOrder order;
  for (const Batch& batch : batches) order.insert(order.end(), batch.begin(), batch.end());
  return order;
}

}  // namespace

std::vector<Batch> reindex_batch(const Batch& batch, const std::vector<int64_t>& lengths, int64_t buckets) {
  const auto count = static_cast<int64_t>(batch.size());
  check(buckets > 0 && count % buckets == 0, "sampler: a batch of {} cannot be dealt to {} ranks", count,
        buckets);
  constexpr int64_t kFull = std::numeric_limits<int64_t>::max();
  std::vector<Batch> dealt(static_cast<size_t>(buckets));
  std::vector<int64_t> totals(static_cast<size_t>(buckets), 0);
  for (const int64_t i : batch) {
    const auto b = static_cast<size_t>(std::min_element(totals.begin(), totals.end()) - totals.begin());
    dealt[b].push_back(i);
    const bool is_full = static_cast<int64_t>(dealt[b].size()) == count / buckets;
    totals[b] = is_full ? kFull : totals[b] + lengths.at(static_cast<size_t>(i));
  }
  return dealt;
}

EpochOrder split_modality_order(const std::vector<ModalityLength>& lengths, const SamplerOptions& options,
                                int64_t epoch) {
  check_options(options);
  const Modality pictures = select(lengths, true), texts = select(lengths, false);
  check(!pictures.indices.empty(),
        "sampler: no example has a picture; the split-modality order needs at least one");
  TorchGenerator generator = generator_of(options, epoch);
  const auto picture_order = randperm(generator, static_cast<int64_t>(pictures.indices.size()));
  const auto text_order = randperm(generator, static_cast<int64_t>(texts.indices.size()));
  std::vector<Batch> batches;
  append_batches(batches, picture_order, pictures, options);
  append_batches(batches, text_order, texts, options);

  std::vector<Batch> shuffled;
  for (const int64_t i : randperm(generator, static_cast<int64_t>(batches.size()))) {
    shuffled.push_back(std::move(batches[static_cast<size_t>(i)]));
  }
  move_longest_to_front(shuffled, lengths);
  return flatten(shuffled);
}

EpochOrder shuffled_order(int64_t examples, const SamplerOptions& options, int64_t epoch) {
  check_options(options);
  check(examples > 0, "sampler: there are no examples");
  TorchGenerator generator = generator_of(options, epoch);
  std::vector<int64_t> dealt = randperm(generator, examples);
  while (static_cast<int64_t>(dealt.size()) % options.global_batch_size != 0) {
    dealt.push_back(dealt[dealt.size() - static_cast<size_t>(examples)]);
  }
  const int64_t share = options.global_batch_size / options.ranks;
  EpochOrder order(dealt.size());
  for (size_t k = 0; k < dealt.size(); ++k) {
    const auto place = static_cast<int64_t>(k) % options.global_batch_size;
    const int64_t batch = static_cast<int64_t>(k) - place;
    order[static_cast<size_t>(batch + place % options.ranks * share + place / options.ranks)] = dealt[k];
  }
  return order;
}

EpochOrder epoch_order(Stage stage, const std::vector<ModalityLength>& lengths, const SamplerOptions& options,
                       int64_t epoch) {
  const bool has_pictures =
      std::any_of(lengths.begin(), lengths.end(), [](auto& l) { return l.has_picture; });
  return stage == Stage::finetune && has_pictures
             ? split_modality_order(lengths, options, epoch)
             : shuffled_order(static_cast<int64_t>(lengths.size()), options, epoch);
}

std::vector<int64_t> rank_order(const EpochOrder& order, const SamplerOptions& options, int64_t rank) {
  check_options(options);
  check(rank >= 0 && rank < options.ranks, "sampler: rank {} of {}", rank, options.ranks);
  const int64_t share = options.global_batch_size / options.ranks;
  std::vector<int64_t> mine;
  for (int64_t begin = rank * share; begin < static_cast<int64_t>(order.size());
       begin += options.global_batch_size) {
    mine.insert(mine.end(), order.begin() + begin, order.begin() + begin + share);
  }
  return mine;
}

}  // namespace cobra::data
