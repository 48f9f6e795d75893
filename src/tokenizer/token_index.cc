#include "tokenizer/token_index.h"

#include <bit>

#include "base/hash.h"

namespace cobra {
namespace {

uint32_t hash_of(std::string_view token) {
  const uint64_t hash = keyed_hash(token);
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

}  // namespace

TokenIndex::TokenIndex(const std::vector<std::string>& tokens)
    : tokens_(&tokens), slots_(std::bit_ceil(2 * tokens.size() + 1)) {
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].empty()) continue;
    const uint32_t hash = hash_of(tokens[id]);
    Slot& slot = slots_[slot_of(tokens[id], hash)];
    if (slot.id >= 0) continue;
    slot = {hash, static_cast<int32_t>(id)};
    ++size_;
  }
}

size_t TokenIndex::slot_of(std::string_view token, uint32_t hash) const {
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  for (; slots_[at].id >= 0; at = (at + 1) & mask) {
    if (slots_[at].hash == hash && (*tokens_)[static_cast<size_t>(slots_[at].id)] == token) break;
  }
  return at;
}

int32_t TokenIndex::find(std::string_view token) const { return slots_[slot_of(token, hash_of(token))].id; }

}  // namespace cobra
