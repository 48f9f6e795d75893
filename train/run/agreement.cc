#include "train/run/agreement.h"

#include <algorithm>
#include <array>

#include "base/fail.h"
#include "train/run/export.h"

namespace cobra::train {
namespace {

constexpr std::array<std::string_view, 14> kOwnOfARank = {
    "model",     "run",  "llm",    "checkpoint", "dino",          "siglip", "clip_tower",
    "tokenizer", "dims", "images", "data",       "feature_cache", "output", "threads"};

/// Texts of any content: each with its length.
void add_text(Hasher& hasher, std::string_view text) {
  hasher.add(fmt::format("{}:", text.size()));
  hasher.add(text);
}

void add_tokenizer(Hasher& hasher, const TokenizerData& tokenizer) {
  for (const std::string& token : tokenizer.tokens) add_text(hasher, token);
  for (const std::string& merge : tokenizer.merges) add_text(hasher, merge);
  for (const AddedToken& token : tokenizer.added)
    add_text(hasher, fmt::format("{} {}", token.id, token.content));
  add_text(hasher, fmt::format("{} {} {}", tokenizer.nfc, tokenizer.add_prefix_space, tokenizer.eos_id));
}

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

Hash128 model_digest(const ModelSource& source, const Parameters& weights,
                     const std::function<bool(const Parameter&)>& taken) {
  Hasher hasher;
  add_text(hasher, config_json(source.config).dump());
  if (source.tokenizer) add_tokenizer(hasher, *source.tokenizer);
  hash_parameters(weights, taken, hasher);
  return hasher.digest();
}

}  // namespace cobra::train
