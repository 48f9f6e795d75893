// The stack machine of pickle.h: one function a group of opcodes.
#include <array>

#include "base/fail.h"
#include "formats/byte_reader.h"
#include "formats/pickle.h"
#include "formats/pickle_opcodes.h"

namespace cobra::pickle {
namespace {

// Real checkpoints of 3B models have pickles of a few hundred KB, optimizer included.
constexpr int64_t kMaxPickleBytes = 32 << 20;
constexpr size_t kMaxValues = 1 << 20;
constexpr size_t kMaxTensors = 1 << 16;  // a few bytes of pickle can make one of 2 x kMaxRank sizes
constexpr size_t kMaxStack = 1 << 20;
constexpr size_t kMaxMemo = 1 << 20;
constexpr uint8_t kMaxProtocol = 5;
constexpr Ref kUnset = UINT32_MAX;

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, const std::string& source)
      : source_(source), in_(bytes, source) {}

  Tree run() {
    while (true) {
      opcode_at_ = in_.position();
      const auto code = in_.read<uint8_t>("the next opcode");
      if (Opcode{code} == Opcode::stop) break;
      step(code);
    }
    tree_.root = pop();
    return std::move(tree_);
  }

 private:
  const std::string& source_;
  ByteReader in_;
  Tree tree_;
  std::vector<Ref> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::vector<Ref> memo_;
  size_t memo_used_ = 0;
  size_t tensors_ = 0;
  int64_t opcode_at_ = 0;

  void step(uint8_t code) {
    if (!push_constant(Opcode{code}) && !push_text(Opcode{code}) && !change_container(Opcode{code}) &&
        !use_memo(Opcode{code}) && !build_object(Opcode{code}) && !skip(Opcode{code})) {
      fail("{}: opcode {} (0x{:02x}) at byte {} is not allowed", source_, opcode_name(code), code,
           opcode_at_);
    }
  }

  void push_ref(Ref ref) {
    check(stack_.size() < kMaxStack, "{}: more than {} values on the stack at byte {}", source_, kMaxStack,
          opcode_at_);
    stack_.push_back(ref);
  }

  bool push(Value value) {
    check(tree_.values.size() < kMaxValues, "{}: more than {} values at byte {}", source_, kMaxValues,
          opcode_at_);
    tree_.values.push_back(std::move(value));
    push_ref(static_cast<Ref>(tree_.values.size() - 1));
    return true;
  }

  /// Values below the last mark are out of reach.
  void need(size_t count) const {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    check(stack_.size() >= floor + count, "{}: the stack has too few values at byte {}", source_, opcode_at_);
  }

  Ref pop() {
    need(1);
    const Ref ref = stack_.back();
    stack_.pop_back();
    return ref;
  }

  std::vector<Ref> pop_last(size_t count) {
    need(count);
    std::vector<Ref> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }

  std::vector<Ref> pop_to_mark() {
    check(!marks_.empty(), "{}: no mark on the stack at byte {}", source_, opcode_at_);
    std::vector<Ref> items = pop_last(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  /// The value on top of the stack, which must be a T.
  template <typename T>
  T& top(std::string_view wanted) {
    need(1);
    Value& value = tree_.values[stack_.back()];
    T* typed = std::get_if<T>(&value);
    if (!typed) fail("{}: expected {} at byte {}, found {}", source_, wanted, opcode_at_, kind(value));
    return *typed;
  }

  bool push_constant(Opcode code) {
    switch (code) {
      case Opcode::none:
        return push(None{});
      case Opcode::newtrue:
        return push(true);
      case Opcode::newfalse:
        return push(false);
      case Opcode::binint:
        return push(int64_t{in_.read<int32_t>("BININT")});
      case Opcode::binint1:
        return push(int64_t{in_.read<uint8_t>("BININT1")});
      case Opcode::binint2:
        return push(int64_t{in_.read<uint16_t>("BININT2")});
      case Opcode::long1:
        return push(long_integer(in_.read<uint8_t>("LONG1")));
      case Opcode::binfloat:
        return push(big_endian_double());
      default:
        return false;
    }
  }

  /// Two's complement, little-endian, no bytes for 0.
  int64_t long_integer(uint8_t size) {
    check(size <= 8, "{}: an integer of {} bytes at byte {}, at most 8 are possible", source_, size,
          opcode_at_);
    const std::string_view bytes = in_.text(size, "LONG1");
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
    const int unused_bits = 64 - 8 * size;
    return size == 0 ? 0 : static_cast<int64_t>(value << unused_bits) >> unused_bits;
  }

  double big_endian_double() {
    return std::bit_cast<double>(__builtin_bswap64(in_.read<uint64_t>("BINFLOAT")));
  }

  bool push_text(Opcode code) {
    switch (code) {
      case Opcode::short_binunicode:
        return push(text(in_.read<uint8_t>("SHORT_BINUNICODE")));
      case Opcode::binunicode:
        return push(text(in_.read<uint32_t>("BINUNICODE")));
      case Opcode::binunicode8:
        return push(text(in_.read<uint64_t>("BINUNICODE8")));
      default:
        return false;
    }
  }

  std::string text(uint64_t size) { return std::string(in_.text(size, "a string")); }

  bool change_container(Opcode code) {
    switch (code) {
      case Opcode::mark:
        marks_.push_back(stack_.size());
        return true;
      case Opcode::pop:
        pop();
        return true;
      case Opcode::pop_mark:
        pop_to_mark();
        return true;
      case Opcode::empty_list:
        return push(List{});
      case Opcode::empty_dict:
        return push(Dict{});
      case Opcode::empty_tuple:
        return push(Tuple{});
      case Opcode::tuple:
        return push(Tuple{pop_to_mark()});
      case Opcode::tuple1:
        return push(Tuple{pop_last(1)});
      case Opcode::tuple2:
        return push(Tuple{pop_last(2)});
      case Opcode::tuple3:
        return push(Tuple{pop_last(3)});
      case Opcode::append:
        append(pop_last(1));
        return true;
      case Opcode::appends:
        append(pop_to_mark());
        return true;
      case Opcode::setitem:
        set_items(pop_last(2));
        return true;
      case Opcode::setitems:
        set_items(pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  void append(const std::vector<Ref>& items) {
    auto& list = top<List>("a list").items;
    list.insert(list.end(), items.begin(), items.end());
  }

  void set_items(const std::vector<Ref>& items) {
    check(items.size() % 2 == 0, "{}: a dict key without a value at byte {}", source_, opcode_at_);
    auto& dict = top<Dict>("a dict").items;
    for (size_t i = 0; i < items.size(); i += 2) dict.emplace_back(items[i], items[i + 1]);
  }

  bool use_memo(Opcode code) {
    switch (code) {
      case Opcode::binget:
        push_memo(in_.read<uint8_t>("BINGET"));
        return true;
      case Opcode::long_binget:
        push_memo(in_.read<uint32_t>("LONG_BINGET"));
        return true;
      case Opcode::binput:
        memoize(in_.read<uint8_t>("BINPUT"));
        return true;
      case Opcode::long_binput:
        memoize(in_.read<uint32_t>("LONG_BINPUT"));
        return true;
      case Opcode::memoize:
        memoize(memo_used_);
        return true;
      default:
        return false;
    }
  }

  void memoize(size_t index) {
    need(1);
    check(index < kMaxMemo, "{}: memo index {} at byte {} is above the limit of {}", source_, index,
          opcode_at_, kMaxMemo);
    if (index >= memo_.size()) memo_.resize(index + 1, kUnset);
    memo_used_ += memo_[index] == kUnset;
    memo_[index] = stack_.back();
  }

  void push_memo(size_t index) {
    const bool known = index < memo_.size() && memo_[index] != kUnset;
    check(known, "{}: memo {} is read at byte {} before it is set", source_, index, opcode_at_);
    push_ref(memo_[index]);
  }

  bool build_object(Opcode code) {
    switch (code) {
      case Opcode::global:
        return push(global());
      case Opcode::stack_global:
        return push(stack_global());
      case Opcode::reduce:
        return reduce();
      case Opcode::binpersid:
        return push(persistent_load(tree_, pop(), source_));
      case Opcode::build:
        return build();
      default:
        return false;
    }
  }

  /// GLOBAL: two lines of text.
  Value global() {
    const std::string_view module = line();
    return find_global(module, line(), source_);
  }

  std::string_view line() {
    const std::string_view rest = in_.peek();
    const size_t end = rest.find('\n');
    check(end != std::string_view::npos, "{}: GLOBAL at byte {} has no end of line", source_, opcode_at_);
    in_.text(end + 1, "GLOBAL");
    return rest.substr(0, end);
  }

  Value stack_global() {
    top<std::string>("a string");
    const Ref name = pop();
    top<std::string>("a string");
    const Ref module = pop();
    return find_global(std::get<std::string>(tree_[module]), std::get<std::string>(tree_[name]), source_);
  }

  bool reduce() {
    const auto& arguments = top<Tuple>("a tuple of arguments").items;
    pop();
    const Callable callable = top<Callable>("a callable");
    pop();
    Value result = call(tree_, callable, arguments, source_);
    tensors_ += std::holds_alternative<Tensor>(result);
    check(tensors_ <= kMaxTensors, "{}: more than {} tensors", source_, kMaxTensors);
    return push(std::move(result));
  }

  /// State of an object: torch puts `_metadata` (versions of modules) on a state dict, which nothing here
  /// needs.
  bool build() {
    top<Dict>("a dict as state");
    pop();
    top<Dict>("a dict to put state on");
    return true;
  }

  /// Opcodes that say something about the stream only.
  bool skip(Opcode code) {
    if (code == Opcode::frame) {
      in_.read<uint64_t>("FRAME");
      return true;
    }
    if (code != Opcode::proto) return false;
    const auto protocol = in_.read<uint8_t>("PROTO");
    check(protocol <= kMaxProtocol, "{}: pickle protocol {} is not supported", source_, protocol);
    return true;
  }
};

}  // namespace

Tree run(std::span<const std::byte> bytes, const std::string& source) {
  check(static_cast<int64_t>(bytes.size()) <= kMaxPickleBytes,
        "{}: a pickle of {} bytes is above the limit of {}", source, bytes.size(), kMaxPickleBytes);
  return Machine(bytes, source).run();
}

}  // namespace cobra::pickle
