// What the tests of this room share: a temporary folder, copies of models with tensors renamed, and state
// dicts that are the reference data with something changed.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/fail.h"
#include "base/file.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "formats/state_dict.h"
#include "reference.h"
#include "test_support.h"

namespace cobra::testing {

class ModelFileTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.file(name); }
  std::string write(const std::string& name, const std::string& text) const {
    return folder_.write(name, text);
  }
  std::vector<std::string> files() const { return folder_.names(); }

 private:
  TemporaryFolder folder_;
};

/// A copy of a model with its tensors renamed, and left out where the new name is "". Returns `output`.
inline std::string renamed_gguf(const std::string& input, const std::string& output,
                                const std::function<std::string(const std::string&)>& rename) {
  const GgufFile file(input);
  GgufWriter writer(output);
  std::vector<const TensorEntry*> kept;
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  for (const TensorEntry& tensor : file.tensors()) {
    if (rename(tensor.name).empty()) continue;
    writer.declare(rename(tensor.name), tensor.type, tensor.shape);
    kept.push_back(&tensor);
  }
  for (const TensorEntry* tensor : kept) writer.write_tensor(tensor->bytes);
  writer.finish();
  return output;
}

/// The same without one tensor.
inline std::string gguf_without(const std::string& input, const std::string& output,
                                const std::string& gone) {
  return renamed_gguf(input, output, [&](const std::string& name) { return name == gone ? "" : name; });
}

/// The same as it was, but with `value` in place of the bytes of a tensor from `at` on.
template <typename Value>
std::string gguf_with(const std::string& input, const std::string& output, const std::string& tensor,
                      int64_t at, Value value) {
  const GgufFile file(input);
  const TensorEntry* changed = file.find(tensor);
  check(changed != nullptr && at + int64_t{sizeof value} <= std::ssize(changed->bytes),
        "{}: no byte {} of a tensor '{}'", input, at, tensor);
  GgufWriter writer(output);
  for (const auto& [key, entry] : file.metadata()) writer.set(key, entry);
  for (const TensorEntry& t : file.tensors()) writer.declare(t.name, t.type, t.shape);
  for (const TensorEntry& t : file.tensors()) {
    std::vector<std::byte> bytes(t.bytes.begin(), t.bytes.end());
    if (&t == changed) std::memcpy(bytes.data() + at, &value, sizeof value);
    writer.write_tensor(bytes);
  }
  writer.finish();
  return output;
}

/// The same with a tensor of that name declared as another type and shape of as many bytes.
inline std::string gguf_declaring(const std::string& input, const std::string& output,
                                  const std::string& name, DType type, const std::vector<int64_t>& shape) {
  const GgufFile file(input);
  GgufWriter writer(output);
  for (const auto& [key, value] : file.metadata()) writer.set(key, value);
  for (const TensorEntry& t : file.tensors()) {
    t.name == name ? writer.declare(name, type, shape) : writer.declare(t.name, t.type, t.shape);
  }
  for (const TensorEntry& t : file.tensors()) writer.write_tensor(t.bytes);
  writer.finish();
  return output;
}

/// A state dict in memory, to be changed and written as safetensors.
struct EditableDict {
  struct Tensor {
    DType type;
    std::vector<int64_t> shape;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, Tensor> tensors;

  static EditableDict read(const std::string& path) {
    EditableDict dict;
    const auto file = StateDict::open(path);
    for (const TensorEntry& t : file->tensors()) {
      dict.tensors[t.name] = {t.type, t.shape, {t.bytes.begin(), t.bytes.end()}};
    }
    return dict;
  }
  void set(const std::string& name, const std::vector<int64_t>& shape, float value = 0) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    const std::vector<float> values(static_cast<size_t>(count), value);
    const auto bytes = std::as_bytes(std::span(values));
    Tensor tensor{DType::f32, shape, {bytes.begin(), bytes.end()}};
    tensors[name] = std::move(tensor);
  }
  void rename(const std::string& from, const std::string& to) {
    auto node = tensors.extract(from);
    node.key() = to;
    tensors.insert(std::move(node));
  }
  std::string write(const std::string& path) const {
    std::vector<TensorEntry> entries;
    for (const auto& [name, t] : tensors) entries.push_back({name, t.type, t.shape, t.bytes});
    write_safetensors(path, entries);
    return path;
  }
};

}  // namespace cobra::testing
