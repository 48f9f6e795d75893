#include "data/sampler.h"

#include <numeric>

#include "data/test_data.h"
#include "data/torch_random.h"

namespace cobra::data {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAreArray;

using Ids = std::vector<int64_t>;

const Json& reference() {
  static const Json json = read_json(testing::reference("batching.json"));
  return json;
}

Ids up_to(int64_t n) {
  Ids ids(static_cast<size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

TEST(Randperm, EqualsTorch) {
  for (const Json& item : reference()["randperm"]) {
    TorchGenerator generator(item["seed"].get<uint64_t>());
    for (const Json& call : item["calls"]) {
      EXPECT_EQ(Json(randperm(generator, static_cast<int64_t>(call.size()))), call);
    }
  }
}

TEST(Randperm, BothAlgorithmsPermute) {
  TorchGenerator generator(3);
  EXPECT_THAT(randperm_small(generator, 1000), UnorderedElementsAreArray(up_to(1000)));
  EXPECT_THAT(randperm_large(generator, 1000), UnorderedElementsAreArray(up_to(1000)));
  EXPECT_TRUE(randperm(generator, 0).empty());
}

TEST(TorchGenerator, IsMt19937) {
  TorchGenerator a(5489), b(5489), c((uint64_t{1} << 32) + 5489);
  EXPECT_EQ(a.random(), 3499211612U);  // the first output of Matsumoto and Nishimura's program
  EXPECT_EQ(c.random(), 3499211612U);  // only 32 bits of the seed count
  EXPECT_EQ(b.random64() >> 32, 3499211612U);
}

TEST(Sampler, DealsBatchesAsTheReference) {
  ASSERT_GT(reference()["reindex_batch"].size(), 0U);
  for (const Json& item : reference()["reindex_batch"]) {
    const auto dealt = reindex_batch(item["batch_idxs"].get<Ids>(), item["idx2lengths"].get<Ids>(),
                                     item["n_buckets"].get<int64_t>());
    EXPECT_EQ(Json(dealt), item["result"]);
  }
}

void expect_order(const Json& item) {
  std::vector<ModalityLength> lengths;
  for (const Json& l : item["modality_lengths"]) lengths.push_back({l[0].get<bool>(), l[1].get<int64_t>()});
  const SamplerOptions options{item["global_batch_size"].get<int64_t>(), item["num_replicas"].get<int64_t>(),
                               item["seed"].get<uint64_t>()};
  const auto epoch = item["epoch"].get<int64_t>();
  if (item.contains("error")) {
    EXPECT_THAT(error_of([&] { split_modality_order(lengths, options, epoch); }),
                HasSubstr("no example has a picture"));
    EXPECT_EQ(epoch_order(Stage::finetune, lengths, options, epoch),
              shuffled_order(static_cast<int64_t>(lengths.size()), options, epoch));
    return;
  }
  const EpochOrder order = split_modality_order(lengths, options, epoch);
  EXPECT_EQ(Json(order), item["global_indices"]);
  EXPECT_EQ(epoch_order(Stage::finetune, lengths, options, epoch), order);
  for (int64_t rank = 0; rank < options.ranks; ++rank) {
    EXPECT_EQ(Json(rank_order(order, options, rank)), item["indices_by_rank"][static_cast<size_t>(rank)]);
  }
}

TEST(Sampler, EqualsTheReferenceForEveryRank) {
  ASSERT_GT(reference()["samplers"].size(), 0U);
  for (const Json& item : reference()["samplers"]) expect_order(item);
}

TEST(Sampler, ShufflesLikeTorchsDistributedSampler) {
  const SamplerOptions options{4, 2, 7};
  TorchGenerator generator(7 + 3);
  const Ids permutation = randperm(generator, 6);
  Ids padded = permutation;
  padded.insert(padded.end(), permutation.begin(), permutation.begin() + 2);
  const EpochOrder order = shuffled_order(6, options, 3);
  EXPECT_THAT(rank_order(order, options, 0), ElementsAre(padded[0], padded[2], padded[4], padded[6]));
  EXPECT_THAT(rank_order(order, options, 1), ElementsAre(padded[1], padded[3], padded[5], padded[7]));
  const EpochOrder other = shuffled_order(6, options, 4);
  EXPECT_NE(order, other);
  EXPECT_EQ(shuffled_order(3, {8, 1, 7}, 0).size(), 8U);
}

TEST(Sampler, SaysWhatDoesNotFit) {
  const std::vector<ModalityLength> lengths = {{true, 3}, {true, 4}, {true, 5}};
  EXPECT_THAT(error_of([&] {
                split_modality_order(lengths, {8, 1, 7}, 0);
              }),
              HasSubstr("3 examples with a picture cannot fill a batch of 8"));
  EXPECT_THAT(error_of([&] {
                split_modality_order(lengths, {8, 3, 7}, 0);
              }),
              HasSubstr("multiple of the number"));
  EXPECT_THAT(error_of([&] { shuffled_order(0, {8, 1, 7}, 0); }), HasSubstr("no examples"));
  EXPECT_THAT(error_of([&] { rank_order({}, {8, 2, 7}, 2); }), HasSubstr("rank 2 of 2"));
}

}  // namespace
}  // namespace cobra::data
