// Finding added tokens ("<|endoftext|>", runs of spaces) in text before it is split into words.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cobra {

/// A set of strings, each with an id, matched leftmost and, of those that start at the same place, longest.
class AddedTokenMatcher {
 public:
  struct Match {
    size_t begin = 0;
    size_t end = 0;
    int32_t id = -1;
  };
  /// Longest content the tokenizer accepts; it bounds what a search does at each place of the text.
  static constexpr size_t kMaxBytes = 256;

  AddedTokenMatcher();
  /// `content` is not empty and no longer than kMaxBytes. The same content twice keeps the later id.
  void add(std::string_view content, int32_t id);
  /// The first match at or behind `from`; begin = end = text.size() and id = -1 where there is none.
  Match find(std::string_view text, size_t from) const;

 private:
  struct Node {  // of a trie; the children of a node are a linked list
    char byte = 0;
    int32_t id = -1;  // of the token that ends here
    int32_t first_child = -1;
    int32_t next_sibling = -1;
  };
  std::vector<Node> nodes_;
  std::array<bool, 256> starts_{};  // bytes that some token starts with

  int32_t child(int32_t node, char byte) const;
  Match longest_at(std::string_view text, size_t begin) const;
};

}  // namespace cobra
