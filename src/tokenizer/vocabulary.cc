// On the start-up path of every command: loops over all tokens format no error text unless there is an error.
#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <limits>

#include "base/fail.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/token_index.h"
#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

void check_tokens_differ(const TokenizerData& data, const TokenIndex& index) {
  const auto unused = std::count(data.tokens.begin(), data.tokens.end(), std::string());
  if (index.size() == static_cast<int64_t>(data.tokens.size()) - unused) return;
  for (size_t id = 0; id < data.tokens.size(); ++id) {
    const std::string& token = data.tokens[id];
    const int32_t first = token.empty() ? static_cast<int32_t>(id) : index.find(token);
    check(first == static_cast<int32_t>(id), "{}: token '{}' has two ids, {} and {}", data.source,
          printable(token), first, id);
  }
}

std::array<int32_t, 256> index_bytes(const TokenizerData& data, const TokenIndex& index) {
  std::array<int32_t, 256> of_byte{};
  for (int b = 0; b < 256; ++b) {
    const auto byte = static_cast<uint8_t>(b);
    of_byte[byte] = index.find(spelling_of_byte(byte));
    check(of_byte[byte] >= 0 || !occurs_in_utf8(byte),
          "{}: no token for byte 0x{:02x} (expected '{}'); not byte-level BPE", data.source, b,
          spelling_of_byte(byte));
  }
  return of_byte;
}

/// Parses "a b". Spelled tokens hold no space, so the first space is the separator.
Merge parse_merge(const TokenizerData& data, const TokenIndex& index, size_t rank, std::string& joined) {
  const std::string& text = data.merges[rank];
  const size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    fail("{}: merge {} is '{}', expected two tokens with a space between them", data.source, rank,
         printable(text));
  }
  const auto id_of = [&](std::string_view token, std::string_view role) {
    const int32_t id = index.find(token);
    if (id >= 0) return id;
    fail("{}: merge {} '{}': its {} '{}' is not a token", data.source, rank, printable(text), role,
         printable(token));
  };
  const std::string_view left = std::string_view(text).substr(0, space);
  const std::string_view right = std::string_view(text).substr(space + 1);
  joined.assign(left).append(right);
  return {id_of(left, "left part"), id_of(right, "right part"), id_of(joined, "result")};
}

MergeTable index_merges(const TokenizerData& data, const TokenIndex& index) {
  check(data.merges.size() < std::numeric_limits<int32_t>::max(), "{}: {} merges are too many", data.source,
        data.merges.size());
  std::vector<Merge> merges;
  merges.reserve(data.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < data.merges.size(); ++rank) {
    merges.push_back(parse_merge(data, index, rank, joined));
  }
  return {merges, static_cast<int64_t>(data.tokens.size())};
}

void check_added(const TokenizerData& data, const AddedToken& added) {
  const auto count = static_cast<int64_t>(data.tokens.size());
  check(added.id >= 0 && added.id < count, "{}: added token '{}': id {} is not in [0, {})", data.source,
        printable(added.content), added.id, count);
  const std::string& token = data.tokens[static_cast<size_t>(added.id)];
  check(token == added.content, "{}: added token '{}': id {} is the token '{}'", data.source,
        printable(added.content), added.id, printable(token));
  check(!added.content.empty() && added.content.size() <= AddedTokenMatcher::kMaxBytes,
        "{}: added token {} has {} bytes, expected 1 to {}", data.source, added.id, added.content.size(),
        AddedTokenMatcher::kMaxBytes);
  check(replace_invalid_utf8(added.content) == added.content, "{}: added token {} is not valid UTF-8",
        data.source, added.id);
}

}  // namespace

// The index of strings serves this only; encoding starts from bytes and merges ids.
Vocabulary::Vocabulary(const TokenizerData& data) : merges_({}, 0), special_(data.tokens.size(), false) {
  check(static_cast<int64_t>(data.tokens.size()) <= kMaxTokens, "{}: {} tokens, more than {}", data.source,
        data.tokens.size(), kMaxTokens);
  const TokenIndex index(data.tokens);
  check_tokens_differ(data, index);
  size_ = index.size();
  id_of_byte_ = index_bytes(data, index);
  check(contains(data.eos_id), "{}: eos id {} is not in [0, {})", data.source, data.eos_id,
        data.tokens.size());
  merges_ = index_merges(data, index);
  for (const AddedToken& added : data.added) {
    check_added(data, added);
    special_[static_cast<size_t>(added.id)] = added.special;
    AddedTokenMatcher& matcher = added.normalized ? normalized_added_ : raw_added_;
    matcher.add(added.normalized && data.nfc ? to_nfc(added.content) : added.content, added.id);
  }
  offsets_.reserve(data.tokens.size() + 1);
  for (const std::string& token : data.tokens) {
    offsets_.push_back(bytes_.size());
    bytes_ += bytes_of_token(token);
  }
  offsets_.push_back(bytes_.size());
}

std::string_view Vocabulary::bytes(int32_t id) const {
  if (!contains(id)) return {};
  const size_t begin = offsets_[static_cast<size_t>(id)];
  return std::string_view(bytes_).substr(begin, offsets_[static_cast<size_t>(id) + 1] - begin);
}

}  // namespace cobra
