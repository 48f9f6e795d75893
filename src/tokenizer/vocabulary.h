// The checked form of TokenizerData: what encoding and decoding look up.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/tokenizer.h"

namespace cobra {

/// Ids lie below this; it bounds what a tokenizer file can make us allocate.
constexpr int64_t kMaxTokens = 4'000'000;

class Vocabulary {
 public:
  /// Throws Error that names data.source and the token or merge that is wrong.
  explicit Vocabulary(const TokenizerData& data);

  bool contains(int32_t id) const { return id >= 0 && id < static_cast<int64_t>(special_.size()); }
  /// Bytes of a token; empty for an id without one.
  std::string_view bytes(int32_t id) const;
  bool is_special(int32_t id) const { return contains(id) && special_[static_cast<size_t>(id)]; }
  /// Number of ids that have a token.
  int64_t size() const { return size_; }

  /// The token of one byte, or -1 for a byte that no UTF-8 text has.
  int32_t id_of_byte(uint8_t byte) const { return id_of_byte_[byte]; }
  const MergeTable& merges() const { return merges_; }
  /// Added tokens matched on the raw text, and those matched on normalised text.
  const AddedTokenMatcher& raw_added() const { return raw_added_; }
  const AddedTokenMatcher& normalized_added() const { return normalized_added_; }

 private:
  int64_t size_ = 0;
  std::array<int32_t, 256> id_of_byte_{};
  MergeTable merges_;
  AddedTokenMatcher raw_added_;
  AddedTokenMatcher normalized_added_;
  std::vector<bool> special_;
  std::string bytes_;            // of all tokens, one behind the other
  std::vector<size_t> offsets_;  // [ids + 1] into bytes_
};

}  // namespace cobra
