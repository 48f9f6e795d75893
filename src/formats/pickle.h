// The part of Python's pickle language that torch.save uses for state dicts, and that plain data (dicts,
// lists, strings, numbers) needs in any protocol, run by an allow-list interpreter. Source: Python's
// pickletools for the opcodes; torch/_utils.py and torch/serialization.py for what the globals build. It
// never imports or calls anything: a global is one of the enumerators below or an Error that names it. Left
// out: byte strings that are not ASCII, sets, custom classes, extension codes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/dtype.h"

namespace cobra::pickle {

/// Index of a Value in its Tree. Values refer to each other by index, so sharing costs nothing, and a
/// reference cycle (which a hostile file can build) cannot leak or recurse at destruction.
using Ref = uint32_t;

enum class Callable { ordered_dict, rebuild_tensor_v2, rebuild_parameter };

struct None {};
struct List {
  std::vector<Ref> items;
};
struct Tuple {
  std::vector<Ref> items;
};
struct Dict {  // or OrderedDict
  std::vector<std::pair<Ref, Ref>> items;
};
struct StorageType {
  DType type;
};
struct Storage {
  DType type;
  std::string key;  // member "data/<key>" of the archive
  int64_t elements;
};
/// Unchecked against its storage; sizes and strides (both in elements) have equal count and are not negative.
struct Tensor {
  Ref storage;
  int64_t offset;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};

using Value = std::variant<None, bool, int64_t, double, std::string, List, Tuple, Dict, Callable, StorageType,
                           Storage, Tensor>;

/// "a tuple", for messages.
std::string_view kind(const Value& value);

struct Tree {
  std::vector<Value> values;
  Ref root = 0;

  const Value& operator[](Ref ref) const { return values[ref]; }
};

/// What a pickle may cost. Real checkpoints of 3B models have pickles of a few hundred KB and some ten
/// thousand values, optimizer included.
struct Limits {
  int64_t max_bytes = 32 << 20;
  size_t max_values = 1 << 20;  // also of what is on the stack or has a name
};

/// Runs a pickle. Throws Error that starts with `source` and names the opcode, global or value that is
/// refused. Memory is bounded by a fixed multiple of the pickle's size, whatever it says.
Tree run(std::span<const std::byte> bytes, const std::string& source, const Limits& limits = {});

// What the machine needs of torch (pickle_torch.cc).

/// Callable or StorageType for an allowed global; Error naming it otherwise.
Value find_global(std::string_view module, std::string_view name, const std::string& source);
/// The value of REDUCE: `callable(*arguments)`.
Value call(const Tree& tree, Callable callable, const std::vector<Ref>& arguments, const std::string& source);
/// The value of BINPERSID: ('storage', StorageType, key, location, elements); the location is ignored.
Value persistent_load(const Tree& tree, Ref id, const std::string& source);

}  // namespace cobra::pickle
