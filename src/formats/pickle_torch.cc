// The globals that a torch state dict may name, and what calling them builds. See pickle.h.
#include <array>

#include "base/fail.h"
#include "formats/pickle.h"
#include "formats/tensor_bytes.h"

namespace cobra::pickle {
namespace {

constexpr size_t kMaxKeyBytes = 64;  // of a storage; torch writes small decimal numbers

struct Global {
  std::string_view module;
  std::string_view name;
  Value value;
};

const std::array<Global, 13>& allowed_globals() {
  static const std::array<Global, 13> globals = {{
      {"collections", "OrderedDict", Callable::ordered_dict},
      {"torch._utils", "_rebuild_tensor_v2", Callable::rebuild_tensor_v2},
      {"torch._utils", "_rebuild_parameter", Callable::rebuild_parameter},
      {"torch", "FloatStorage", StorageType{DType::f32}},
      {"torch", "HalfStorage", StorageType{DType::f16}},
      {"torch", "BFloat16Storage", StorageType{DType::bf16}},
      {"torch", "DoubleStorage", StorageType{DType::f64}},
      {"torch", "LongStorage", StorageType{DType::i64}},
      {"torch", "IntStorage", StorageType{DType::i32}},
      {"torch", "ShortStorage", StorageType{DType::i16}},
      {"torch", "CharStorage", StorageType{DType::i8}},
      {"torch", "ByteStorage", StorageType{DType::u8}},
      {"torch", "BoolStorage", StorageType{DType::boolean}},
  }};
  return globals;
}

template <typename T>
const T& expect(const Tree& tree, Ref ref, std::string_view what, std::string_view wanted,
                const std::string& source) {
  const T* value = std::get_if<T>(&tree[ref]);
  if (!value) fail("{}: {} must be {}, found {}", source, what, wanted, kind(tree[ref]));
  return *value;
}

int64_t expect_size(const Tree& tree, Ref ref, std::string_view what, const std::string& source) {
  const auto size = expect<int64_t>(tree, ref, what, "an integer", source);
  check(size >= 0, "{}: {} must not be negative, found {}", source, what, size);
  return size;
}

std::vector<int64_t> expect_sizes(const Tree& tree, Ref ref, std::string_view what,
                                  const std::string& source) {
  const auto& items = expect<Tuple>(tree, ref, what, "a tuple", source).items;
  check(items.size() <= kMaxRank, "{}: {} has {} values, at most {} are possible", source, what, items.size(),
        kMaxRank);
  std::vector<int64_t> sizes;
  for (Ref item : items) sizes.push_back(expect_size(tree, item, what, source));
  return sizes;
}

/// _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks[, metadata])
Value rebuild_tensor(const Tree& tree, const std::vector<Ref>& arguments, const std::string& source) {
  check(arguments.size() == 6 || arguments.size() == 7,
        "{}: _rebuild_tensor_v2 takes 6 or 7 arguments, found {}", source, arguments.size());
  expect<Storage>(tree, arguments[0], "a tensor's storage", "a storage", source);
  Tensor tensor{arguments[0], expect_size(tree, arguments[1], "a tensor's storage offset", source),
                expect_sizes(tree, arguments[2], "a tensor's size", source),
                expect_sizes(tree, arguments[3], "a tensor's stride", source)};
  check(tensor.shape.size() == tensor.strides.size(), "{}: a tensor has {} sizes but {} strides", source,
        tensor.shape.size(), tensor.strides.size());
  return tensor;
}

}  // namespace

std::string_view kind(const Value& value) {
  static constexpr std::array<std::string_view, std::variant_size_v<Value>> kKinds = {
      "None",    "a boolean", "an integer", "a number",       "a string",  "a list",
      "a tuple", "a dict",    "a callable", "a storage type", "a storage", "a tensor"};
  return kKinds[value.index()];
}

Value find_global(std::string_view module, std::string_view name, const std::string& source) {
  for (const Global& global : allowed_globals()) {
    if (global.module == module && global.name == name) return global.value;
  }
  fail("{}: global '{}.{}' is not allowed: only tensors, dicts, lists, strings and numbers can be loaded",
       source, printable(module), printable(name));
}

Value call(const Tree& tree, Callable callable, const std::vector<Ref>& arguments,
           const std::string& source) {
  switch (callable) {
    case Callable::ordered_dict:
      check(arguments.empty(), "{}: OrderedDict takes no arguments here, found {}", source, arguments.size());
      return Dict{};
    case Callable::rebuild_tensor_v2:
      return rebuild_tensor(tree, arguments, source);
    case Callable::rebuild_parameter:
      check(arguments.size() == 3, "{}: _rebuild_parameter takes 3 arguments, found {}", source,
            arguments.size());
      return expect<Tensor>(tree, arguments[0], "a parameter's data", "a tensor", source);
  }
  fail("{}: unknown callable", source);
}

Value persistent_load(const Tree& tree, Ref id, const std::string& source) {
  const auto& items = expect<Tuple>(tree, id, "a persistent id", "a tuple", source).items;
  check(items.size() == 5, "{}: a persistent id must have 5 items, found {}", source, items.size());
  const auto& tag = expect<std::string>(tree, items[0], "a persistent id's tag", "a string", source);
  check(tag == "storage", "{}: a persistent id's tag must be 'storage', found '{}'", source, printable(tag));
  const auto& key = expect<std::string>(tree, items[2], "a storage key", "a string", source);
  check(!key.empty() && key.size() <= kMaxKeyBytes, "{}: storage key '{}' has {} bytes, expected 1 to {}",
        source, printable(key), key.size(), kMaxKeyBytes);
  expect<std::string>(tree, items[3], "a storage location", "a string", source);
  const DType type = expect<StorageType>(tree, items[1], "a storage's type", "a storage type", source).type;
  return Storage{type, key, expect_size(tree, items[4], "a storage's number of elements", source)};
}

}  // namespace cobra::pickle
