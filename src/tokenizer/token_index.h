// The id of each token's text: a flat hash table, since building it and looking up three tokens a merge is
// most of the time it takes to load a tokenizer. The hash is keyed: a file chooses the tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cobra {

class TokenIndex {
 public:
  /// An index of `tokens`, which must outlive it; empty ones are left out.
  explicit TokenIndex(const std::vector<std::string>& tokens);

  /// The id of `token`, or -1. Of equal tokens the first.
  int32_t find(std::string_view token) const;
  /// Number of different tokens.
  int64_t size() const { return size_; }

 private:
  struct Slot {
    uint32_t hash =
        0;  // most tokens that are not the one looked for are told by it, without a look at their text
    int32_t id = -1;  // -1: free
  };
  const std::vector<std::string>* tokens_;
  std::vector<Slot> slots_;  // a power of two, at most half of them taken
  int64_t size_ = 0;

  /// The slot of `token`, or the free one where it belongs.
  size_t slot_of(std::string_view token, uint32_t hash) const;
};

}  // namespace cobra
