// The values, stack, marks and memo of the pickle machine, each with its limit.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/fail.h"
#include "formats/pickle.h"

namespace cobra::pickle {

/// Everything throws Error that starts with `source` and gives the byte of the running opcode. What carries
/// out an opcode returns true, for the machine's dispatch.
class Stack {
 public:
  Stack(const std::string& source, size_t max_values) : source_(source), max_values_(max_values) {}

  const Tree& tree() const { return tree_; }
  void set_opcode_position(int64_t byte) { opcode_at_ = byte; }

  bool push(Value value);
  bool mark();
  Ref pop();
  std::vector<Ref> pop_last(size_t count);
  std::vector<Ref> pop_to_mark();

  /// Names the value on top of the stack `index`, to be pushed again later.
  bool memoize(size_t index);
  /// The same under the next number that is free (protocol 4).
  bool memoize_next() { return memoize(memo_used_); }
  bool push_memo(size_t index);

  /// The value on top of the stack, which must be a T; until the next push.
  template <typename T>
  T& top(std::string_view wanted) {
    need(1);
    Value& value = tree_.values[stack_.back()];
    T* typed = std::get_if<T>(&value);
    if (!typed) fail("{}: expected {} at byte {}, found {}", source_, wanted, opcode_at_, kind(value));
    return *typed;
  }

  /// Ends the run: the value on top is the root.
  Tree take_tree();

 private:
  const std::string& source_;
  const size_t max_values_;
  Tree tree_;
  std::vector<Ref> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::vector<Ref> memo_;
  size_t memo_used_ = 0;
  size_t tensors_ = 0;
  int64_t opcode_at_ = 0;

  void need(size_t count) const;
  bool push_ref(Ref ref);
};

}  // namespace cobra::pickle
