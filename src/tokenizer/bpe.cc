#include "tokenizer/bpe.h"

#include <algorithm>
#include <cstddef>

namespace cobra {

MergeTable::MergeTable(const std::vector<Merge>& merges, int64_t token_count)
    : first_(static_cast<size_t>(token_count) + 1, 0) {
  struct Ranked {
    Merge merge;
    int32_t rank;
  };
  std::vector<Ranked> sorted;
  sorted.reserve(merges.size());
  for (const Merge& merge : merges) sorted.push_back({merge, static_cast<int32_t>(sorted.size())});
  const auto pair_of = [](const Merge& m) {
    return (uint64_t{static_cast<uint32_t>(m.left)} << 32) | static_cast<uint32_t>(m.right);
  };
  std::sort(sorted.begin(), sorted.end(), [&](const Ranked& a, const Ranked& b) {
    const uint64_t x = pair_of(a.merge), y = pair_of(b.merge);
    return x != y ? x < y : a.rank < b.rank;
  });

  entries_.reserve(sorted.size());
  for (size_t i = 0; i < sorted.size(); ++i) {
    const Merge& m = sorted[i].merge;
    if (i + 1 < sorted.size() && pair_of(sorted[i + 1].merge) == pair_of(m)) continue;
    entries_.push_back({m.right, sorted[i].rank, m.result});
    ++first_[static_cast<size_t>(m.left) + 1];
  }
  for (size_t t = 1; t < first_.size(); ++t) first_[t] += first_[t - 1];
}

const MergeTable::Entry* MergeTable::find(int32_t left, int32_t right) const {
  const Entry* const end = entries_.data() + first_[static_cast<size_t>(left) + 1];
  const Entry* const begin = entries_.data() + first_[static_cast<size_t>(left)];
  const Entry* const found =
      std::lower_bound(begin, end, right, [](const Entry& entry, int32_t id) { return entry.right < id; });
  return found != end && found->right == right ? found : nullptr;
}

namespace {

/// Heap order: the candidate to merge next (lowest rank, then leftmost) is on top.
bool merges_later(const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
}

/// Queues the pair of symbol `left` and the one behind it, if they merge.
void push_candidate(const MergeTable& merges, int32_t left, BpeScratch& s) {
  if (left < 0) return;
  const BpeScratch::Symbol& a = s.symbols[static_cast<size_t>(left)];
  if (a.next < 0) return;
  const int32_t right_id = s.symbols[static_cast<size_t>(a.next)].id;
  if (const MergeTable::Entry* entry = merges.find(a.id, right_id)) {
    s.heap.push_back({entry->rank, left, a.id, right_id, entry->result});
    std::push_heap(s.heap.begin(), s.heap.end(), merges_later);
  }
}

constexpr int32_t kMergedAway = -1;  // id of a symbol that became part of its left neighbour

/// Whether both symbols of a queued pair are still what they were when it was queued.
bool is_current(const BpeScratch::Candidate& c, const BpeScratch& s) {
  const BpeScratch::Symbol& left = s.symbols[static_cast<size_t>(c.left)];
  return left.id == c.left_id && left.next >= 0 && s.symbols[static_cast<size_t>(left.next)].id == c.right_id;
}

/// Makes the symbol at `left` and the one behind it one symbol.
void apply(int32_t left, int32_t result, BpeScratch& s) {
  BpeScratch::Symbol& a = s.symbols[static_cast<size_t>(left)];
  BpeScratch::Symbol& b = s.symbols[static_cast<size_t>(a.next)];
  a.id = result;
  a.next = b.next;
  b.id = kMergedAway;
  if (a.next >= 0) s.symbols[static_cast<size_t>(a.next)].previous = left;
}

}  // namespace

void merge_word(const MergeTable& merges, const std::vector<int32_t>& word, BpeScratch& s,
                std::vector<int32_t>& out) {
  const auto count = static_cast<int32_t>(word.size());
  s.symbols.clear();
  s.heap.clear();
  for (int32_t i = 0; i < count; ++i) {
    s.symbols.push_back({word[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
  }
  for (int32_t i = 0; i < count; ++i) push_candidate(merges, i, s);

  while (!s.heap.empty()) {
    std::pop_heap(s.heap.begin(), s.heap.end(), merges_later);
    const BpeScratch::Candidate best = s.heap.back();
    s.heap.pop_back();
    if (!is_current(best, s)) continue;
    apply(best.left, best.result, s);
    push_candidate(merges, s.symbols[static_cast<size_t>(best.left)].previous, s);
    push_candidate(merges, best.left, s);
  }
  for (int32_t i = 0; i >= 0 && i < count; i = s.symbols[static_cast<size_t>(i)].next) {
    out.push_back(s.symbols[static_cast<size_t>(i)].id);
  }
}

}  // namespace cobra
