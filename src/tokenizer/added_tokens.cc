#include "tokenizer/added_tokens.h"

namespace cobra {

AddedTokenMatcher::AddedTokenMatcher() : nodes_(1) {}

int32_t AddedTokenMatcher::child(int32_t node, char byte) const {
  int32_t c = nodes_[static_cast<size_t>(node)].first_child;
  while (c >= 0 && nodes_[static_cast<size_t>(c)].byte != byte)
    c = nodes_[static_cast<size_t>(c)].next_sibling;
  return c;
}

void AddedTokenMatcher::add(std::string_view content, int32_t id) {
  starts_[static_cast<unsigned char>(content[0])] = true;
  int32_t node = 0;
  for (const char byte : content) {
    int32_t next = child(node, byte);
    if (next < 0) {
      next = static_cast<int32_t>(nodes_.size());
      nodes_.push_back({byte, -1, -1, nodes_[static_cast<size_t>(node)].first_child});
      nodes_[static_cast<size_t>(node)].first_child = next;
    }
    node = next;
  }
  nodes_[static_cast<size_t>(node)].id = id;
}

AddedTokenMatcher::Match AddedTokenMatcher::longest_at(std::string_view text, size_t begin) const {
  Match longest;
  int32_t node = 0;
  for (size_t at = begin; at < text.size(); ++at) {
    node = child(node, text[at]);
    if (node < 0) break;
    const int32_t id = nodes_[static_cast<size_t>(node)].id;
    if (id >= 0) longest = {begin, at + 1, id};
  }
  return longest;
}

AddedTokenMatcher::Match AddedTokenMatcher::find(std::string_view text, size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!starts_[static_cast<unsigned char>(text[begin])]) continue;
    const Match match = longest_at(text, begin);
    if (match.id >= 0) return match;
  }
  return {text.size(), text.size(), -1};
}

}  // namespace cobra
