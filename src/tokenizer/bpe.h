// Byte-pair encoding of one word: of all neighbouring pairs, the one with the best (lowest) merge rank is
// merged first, the leftmost where ranks are equal, until no pair can be merged.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace cobra {

/// "left right" -> result; the rank is the place in the list of merges.
struct Merge {
  int32_t left;
  int32_t right;
  int32_t result;
};

/// The merges by their pair. Sorted by pair rather than hashed: a lookup is a binary search among the merges
/// of one left token, and no file can choose keys that collide.
class MergeTable {
 public:
  struct Entry {
    int32_t right;
    int32_t rank;
    int32_t result;
  };

  /// `merges` in order of rank; ids are in [0, token_count). Of merges of the same pair the last one counts,
  /// as in Hugging Face's library.
  MergeTable(const std::vector<Merge>& merges, int64_t token_count);

  /// nullptr when the pair does not merge.
  const Entry* find(int32_t left, int32_t right) const;

 private:
  std::vector<int32_t>
      first_;  // [token_count + 1]: the merges of left token t are entries_[first_[t] .. first_[t + 1])
  std::vector<Entry> entries_;
};

/// Working memory of merge_word, kept from word to word.
struct BpeScratch {
  struct Symbol {
    int32_t id;
    int32_t previous;  // index, or -1
    int32_t next;      // index, or -1
  };
  struct Candidate {
    int32_t rank;
    int32_t left;  // index of the left symbol
    int32_t left_id;
    int32_t right_id;
    int32_t result;
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

/// Merges `word` (the ids of its bytes) and appends what is left to `out`. n log n in the length of the word.
void merge_word(const MergeTable& merges, const std::vector<int32_t>& word, BpeScratch& scratch,
                std::vector<int32_t>& out);

}  // namespace cobra
