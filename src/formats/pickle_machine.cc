// The stack machine of pickle.h: one function a group of opcodes. Functions that carry out an opcode return
// true.
#include <algorithm>

#include "base/fail.h"
#include "formats/byte_reader.h"
#include "formats/pickle.h"
#include "formats/pickle_lines.h"
#include "formats/pickle_opcodes.h"
#include "formats/pickle_stack.h"

namespace cobra::pickle {
namespace {

constexpr uint8_t kMaxProtocol = 5;

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, const std::string& source, size_t max_values)
      : source_(source), in_(bytes, source), stack_(source, max_values) {}

  Tree run() {
    while (true) {
      opcode_at_ = in_.position();
      stack_.set_opcode_position(opcode_at_);
      const auto code = in_.read<uint8_t>("the next opcode");
      if (Opcode{code} == Opcode::stop) break;
      step(code);
    }
    return stack_.take_tree();
  }

 private:
  const std::string& source_;
  ByteReader in_;
  Stack stack_;
  int64_t opcode_at_ = 0;

  // Each group below returns false for an opcode that is not its own.
  void step(uint8_t code) {
    if (!push_constant(Opcode{code}) && !push_text(Opcode{code}) && !push_line(Opcode{code}) &&
        !change_container(Opcode{code}) && !use_memo(Opcode{code}) && !build_object(Opcode{code}) &&
        !skip(Opcode{code})) {
      fail("{}: opcode {} (0x{:02x}) at byte {} is not allowed", source_, opcode_name(code), code,
           opcode_at_);
    }
  }

  bool push_constant(Opcode code) {
    switch (code) {
      case Opcode::none:
        return stack_.push(None{});
      case Opcode::newtrue:
        return stack_.push(true);
      case Opcode::newfalse:
        return stack_.push(false);
      case Opcode::binint:
        return stack_.push(int64_t{in_.read<int32_t>("BININT")});
      case Opcode::binint1:
        return stack_.push(int64_t{in_.read<uint8_t>("BININT1")});
      case Opcode::binint2:
        return stack_.push(int64_t{in_.read<uint16_t>("BININT2")});
      case Opcode::long1:
        return stack_.push(long_integer(in_.read<uint8_t>("LONG1")));
      case Opcode::binfloat:
        return stack_.push(big_endian_double());
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
        return stack_.push(text(in_.read<uint8_t>("SHORT_BINUNICODE")));
      case Opcode::binunicode:
        return stack_.push(text(in_.read<uint32_t>("BINUNICODE")));
      case Opcode::binunicode8:
        return stack_.push(text(in_.read<uint64_t>("BINUNICODE8")));
      case Opcode::short_binstring:
        return stack_.push(ascii(in_.text(in_.read<uint8_t>("SHORT_BINSTRING"), "a string")));
      case Opcode::binstring:
        return stack_.push(ascii(in_.text(in_.read<uint32_t>("BINSTRING"), "a string")));
      default:
        return false;
    }
  }

  /// Values that protocol 0 writes as a line of text.
  bool push_line(Opcode code) {
    switch (code) {
      case Opcode::int_line:
        return stack_.push(line_integer(line("INT"), place()));
      case Opcode::long_line:
        return stack_.push(line_long(line("LONG"), place()));
      case Opcode::float_line:
        return stack_.push(line_float(line("FLOAT"), place()));
      case Opcode::string_line:
        return stack_.push(ascii(line_string(line("STRING"), place())));
      case Opcode::unicode_line:
        return stack_.push(line_unicode(line("UNICODE"), place()));
      default:
        return false;
    }
  }

  std::string place() const { return fmt::format("{}: byte {}", source_, opcode_at_); }

  /// A byte string of Python 2, which Python 3 takes for text where it is ASCII.
  std::string ascii(std::string_view bytes) const {
    const bool plain = std::all_of(bytes.begin(), bytes.end(), [](char c) { return !(c & 0x80); });
    check(plain, "{}: a byte string that is not ASCII", place());
    return std::string(bytes);
  }

  std::string text(uint64_t size) { return std::string(in_.text(size, "a string")); }

  bool change_container(Opcode code) {
    switch (code) {
      case Opcode::mark:
        return stack_.mark();
      case Opcode::pop:
        return drop(stack_.pop_last(1));
      case Opcode::pop_mark:
        return drop(stack_.pop_to_mark());
      case Opcode::empty_list:
        return stack_.push(List{});
      case Opcode::empty_dict:
        return stack_.push(Dict{});
      case Opcode::empty_tuple:
        return stack_.push(Tuple{});
      case Opcode::tuple:
        return stack_.push(Tuple{stack_.pop_to_mark()});
      case Opcode::tuple1:
        return stack_.push(Tuple{stack_.pop_last(1)});
      case Opcode::tuple2:
        return stack_.push(Tuple{stack_.pop_last(2)});
      case Opcode::tuple3:
        return stack_.push(Tuple{stack_.pop_last(3)});
      case Opcode::list:
        return stack_.push(List{stack_.pop_to_mark()});
      case Opcode::dict: {
        const std::vector<Ref> items = stack_.pop_to_mark();
        return stack_.push(Dict{}) && set_items(items);
      }
      case Opcode::append:
        return append(stack_.pop_last(1));
      case Opcode::appends:
        return append(stack_.pop_to_mark());
      case Opcode::setitem:
        return set_items(stack_.pop_last(2));
      case Opcode::setitems:
        return set_items(stack_.pop_to_mark());
      default:
        return false;
    }
  }

  bool drop(const std::vector<Ref>&) { return true; }

  bool append(const std::vector<Ref>& items) {
    auto& list = stack_.top<List>("a list").items;
    list.insert(list.end(), items.begin(), items.end());
    return true;
  }

  bool set_items(const std::vector<Ref>& items) {
    check(items.size() % 2 == 0, "{}: a dict key without a value at byte {}", source_, opcode_at_);
    auto& dict = stack_.top<Dict>("a dict").items;
    for (size_t i = 0; i < items.size(); i += 2) dict.emplace_back(items[i], items[i + 1]);
    return true;
  }

  bool use_memo(Opcode code) {
    switch (code) {
      case Opcode::binget:
        return stack_.push_memo(in_.read<uint8_t>("BINGET"));
      case Opcode::long_binget:
        return stack_.push_memo(in_.read<uint32_t>("LONG_BINGET"));
      case Opcode::binput:
        return stack_.memoize(in_.read<uint8_t>("BINPUT"));
      case Opcode::long_binput:
        return stack_.memoize(in_.read<uint32_t>("LONG_BINPUT"));
      case Opcode::get_line:
        return stack_.push_memo(memo_index(line("GET")));
      case Opcode::put_line:
        return stack_.memoize(memo_index(line("PUT")));
      case Opcode::memoize:
        return stack_.memoize_next();
      default:
        return false;
    }
  }

  size_t memo_index(std::string_view digits) const {
    const int64_t index = line_long(digits, place());
    check(index >= 0, "{}: memo index {} is negative", place(), index);
    return static_cast<size_t>(index);
  }

  bool build_object(Opcode code) {
    switch (code) {
      case Opcode::global:
        return stack_.push(global());
      case Opcode::stack_global:
        return stack_.push(stack_global());
      case Opcode::reduce:
        return reduce();
      case Opcode::binpersid:
        return stack_.push(persistent_load(stack_.tree(), stack_.pop(), source_));
      case Opcode::build:
        return build();
      default:
        return false;
    }
  }

  /// GLOBAL: two lines of text.
  Value global() {
    const std::string_view module = line("GLOBAL");
    return find_global(module, line("GLOBAL"), source_);
  }

  std::string_view line(std::string_view opcode) {
    const std::string_view rest = in_.peek();
    const size_t end = rest.find('\n');
    check(end != std::string_view::npos, "{}: {} at byte {} has no end of line", source_, opcode, opcode_at_);
    in_.text(end + 1, opcode);
    return rest.substr(0, end);
  }

  Value stack_global() {
    stack_.top<std::string>("a string");
    const Ref name = stack_.pop();
    stack_.top<std::string>("a string");
    const Ref module = stack_.pop();
    return find_global(std::get<std::string>(stack_.tree()[module]),
                       std::get<std::string>(stack_.tree()[name]), source_);
  }

  bool reduce() {
    const auto& arguments = stack_.top<Tuple>("a tuple of arguments").items;
    stack_.pop();
    const Callable callable = stack_.top<Callable>("a callable");
    stack_.pop();
    return stack_.push(call(stack_.tree(), callable, arguments, source_));
  }

  /// State of an object: torch puts `_metadata` (versions of modules) on a state dict, which nothing here
  /// needs.
  bool build() {
    stack_.top<Dict>("a dict as state");
    stack_.pop();
    stack_.top<Dict>("a dict to put state on");
    return true;
  }

  /// Opcodes that say something about the stream only.
  bool skip(Opcode code) {
    switch (code) {
      case Opcode::frame:
        in_.read<uint64_t>("FRAME");
        return true;
      case Opcode::proto:
        return check_protocol(in_.read<uint8_t>("PROTO"));
      default:
        return false;
    }
  }

  bool check_protocol(uint8_t protocol) const {
    check(protocol <= kMaxProtocol, "{}: pickle protocol {} is not supported", source_, protocol);
    return true;
  }
};

}  // namespace

Tree run(std::span<const std::byte> bytes, const std::string& source, const Limits& limits) {
  check(static_cast<int64_t>(bytes.size()) <= limits.max_bytes,
        "{}: a pickle of {} bytes is above the limit of {}", source, bytes.size(), limits.max_bytes);
  return Machine(bytes, source, limits.max_values).run();
}

}  // namespace cobra::pickle
