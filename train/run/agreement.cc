#include "train/run/agreement.h"

#include <algorithm>
#include <array>

#include "base/fail.h"

namespace cobra::train {
namespace {

constexpr std::array<std::string_view, 14> kOwnOfARank = {
    "model",     "run",  "llm",    "checkpoint", "dino",          "siglip", "clip_tower",
    "tokenizer", "dims", "images", "data",       "feature_cache", "output", "threads"};

}  // namespace

void check_same(const Ranks& ranks, const std::string& what, const Hash128& digest) {
  if (const auto other = ranks.first_that_differs(digest)) {
    fail("rank {}: {} of rank {} and of rank 0 are not the same, and so they cannot train together",
         ranks.rank(), what, *other);
  }
}

void check_same_recipe(const Ranks& ranks, const RunRecipe& recipe) {
  const Json keys = to_json(recipe);
  for (const auto& [key, value] : keys.items()) {
    if (std::ranges::find(kOwnOfARank, key) != kOwnOfARank.end()) continue;
    const std::string text = value.dump();
    check_same(ranks, fmt::format("the recipe's '{}'", key), content_hash(std::as_bytes(std::span(text))));
  }
}

}  // namespace cobra::train
