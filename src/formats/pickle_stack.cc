#include "formats/pickle_stack.h"

namespace cobra::pickle {
namespace {

constexpr size_t kMaxTensors = 1 << 16;  // a few bytes of pickle can make one of 2 x kMaxRank sizes
constexpr Ref kUnset = UINT32_MAX;

}  // namespace

/// Values below the last mark are out of reach.
void Stack::need(size_t count) const {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  check(stack_.size() >= floor + count, "{}: the stack has too few values at byte {}", source_, opcode_at_);
}

bool Stack::push_ref(Ref ref) {
  check(stack_.size() < max_values_, "{}: more than {} values on the stack at byte {}", source_, max_values_,
        opcode_at_);
  stack_.push_back(ref);
  return true;
}

bool Stack::push(Value value) {
  tensors_ += std::holds_alternative<Tensor>(value);
  check(tensors_ <= kMaxTensors, "{}: more than {} tensors", source_, kMaxTensors);
  check(tree_.values.size() < max_values_, "{}: more than {} values at byte {}", source_, max_values_,
        opcode_at_);
  tree_.values.push_back(std::move(value));
  return push_ref(static_cast<Ref>(tree_.values.size() - 1));
}

bool Stack::mark() {
  marks_.push_back(stack_.size());
  return true;
}

Ref Stack::pop() {
  need(1);
  const Ref ref = stack_.back();
  stack_.pop_back();
  return ref;
}

std::vector<Ref> Stack::pop_last(size_t count) {
  need(count);
  std::vector<Ref> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
  stack_.resize(stack_.size() - count);
  return items;
}

std::vector<Ref> Stack::pop_to_mark() {
  check(!marks_.empty(), "{}: no mark on the stack at byte {}", source_, opcode_at_);
  std::vector<Ref> items = pop_last(stack_.size() - marks_.back());
  marks_.pop_back();
  return items;
}

bool Stack::memoize(size_t index) {
  need(1);
  check(index < max_values_, "{}: memo index {} at byte {} is above the limit of {}", source_, index,
        opcode_at_, max_values_);
  if (index >= memo_.size()) memo_.resize(index + 1, kUnset);
  memo_used_ += memo_[index] == kUnset;
  memo_[index] = stack_.back();
  return true;
}

bool Stack::push_memo(size_t index) {
  const bool known = index < memo_.size() && memo_[index] != kUnset;
  check(known, "{}: memo {} is read at byte {} before it is set", source_, index, opcode_at_);
  return push_ref(memo_[index]);
}

Tree Stack::take_tree() {
  tree_.root = pop();
  return std::move(tree_);
}

}  // namespace cobra::pickle
