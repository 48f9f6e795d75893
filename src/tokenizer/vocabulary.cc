// On the start-up path of every command: loops over all tokens format no error text unless there is an error.
#include "tokenizer/vocabulary.h"

#include <limits>
#include <unordered_map>

#include "base/fail.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/unicode_text.h"

namespace cobra {
namespace {

using IdOfToken = std::unordered_map<std::string_view, int32_t>;

IdOfToken index_tokens(const TokenizerData& data) {
  const auto count = static_cast<int64_t>(data.tokens.size());
  check(count <= kMaxTokens, "{}: {} tokens, more than {}", data.source, count, kMaxTokens);
  IdOfToken ids;
  ids.reserve(data.tokens.size());
  for (int32_t id = 0; id < count; ++id) {
    const std::string& token = data.tokens[static_cast<size_t>(id)];
    if (token.empty()) continue;
    const auto [place, is_new] = ids.emplace(token, id);
    if (!is_new)
      fail("{}: token '{}' has two ids, {} and {}", data.source, printable(token), place->second, id);
  }
  return ids;
}

std::array<int32_t, 256> index_bytes(const TokenizerData& data, const IdOfToken& ids) {
  std::array<int32_t, 256> of_byte{};
  for (int b = 0; b < 256; ++b) {
    const auto byte = static_cast<uint8_t>(b);
    const auto found = ids.find(spelling_of_byte(byte));
    check(found != ids.end() || !occurs_in_utf8(byte),
          "{}: no token for byte 0x{:02x} (expected '{}'); not byte-level BPE", data.source, b,
          spelling_of_byte(byte));
    of_byte[byte] = found == ids.end() ? -1 : found->second;
  }
  return of_byte;
}

/// Parses "a b". Spelled tokens hold no space, so the first space is the separator.
Merge parse_merge(const TokenizerData& data, const IdOfToken& ids, size_t rank, std::string& joined) {
  const std::string& text = data.merges[rank];
  const size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    fail("{}: merge {} is '{}', expected two tokens with a space between them", data.source, rank,
         printable(text));
  }
  const auto id_of = [&](std::string_view token, std::string_view role) {
    const auto found = ids.find(token);
    if (found != ids.end()) return found->second;
    fail("{}: merge {} '{}': its {} '{}' is not a token", data.source, rank, printable(text), role,
         printable(token));
  };
  const std::string_view left = std::string_view(text).substr(0, space);
  const std::string_view right = std::string_view(text).substr(space + 1);
  joined.assign(left).append(right);
  return {id_of(left, "left part"), id_of(right, "right part"), id_of(joined, "result")};
}

MergeTable index_merges(const TokenizerData& data, const IdOfToken& ids) {
  check(data.merges.size() < std::numeric_limits<int32_t>::max(), "{}: {} merges are too many", data.source,
        data.merges.size());
  std::vector<Merge> merges;
  merges.reserve(data.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < data.merges.size(); ++rank)
    merges.push_back(parse_merge(data, ids, rank, joined));
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

// The map from strings to ids serves these checks only; encoding starts from bytes and merges ids.
Vocabulary::Vocabulary(const TokenizerData& data) : merges_({}, 0), special_(data.tokens.size(), false) {
  const IdOfToken ids = index_tokens(data);
  size_ = static_cast<int64_t>(ids.size());
  id_of_byte_ = index_bytes(data, ids);
  check(contains(data.eos_id), "{}: eos id {} is not in [0, {})", data.source, data.eos_id,
        data.tokens.size());
  merges_ = index_merges(data, ids);
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
