#include "cli/trace_recorder.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <span>

#include "base/fail.h"
#include "formats/safetensors.h"

namespace cobra {
namespace {

int64_t element_count(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

TraceSink TraceRecorder::sink() {
  return [this](const std::string& name, const std::vector<int64_t>& shape, const float* values) {
    append(name, shape, values);
  };
}

void TraceRecorder::append(const std::string& name, const std::vector<int64_t>& shape, const float* values) {
  const auto [found, is_new] = index_.try_emplace(name, tensors_.size());
  if (is_new) {
    tensors_.push_back({name, shape, {}});
  } else {
    std::vector<int64_t>& known = tensors_[found->second].shape;
    check(!shape.empty() && shape.size() == known.size() &&
              std::equal(shape.begin() + 1, shape.end(), known.begin() + 1),
          "trace: '{}' came first as {}, then as {}", name, to_string(known), to_string(shape));
    known[0] += shape[0];
  }
  std::vector<float>& all = tensors_[found->second].values;
  all.insert(all.end(), values, values + element_count(shape));
}

void TraceRecorder::reshape(const std::string& name, const std::vector<int64_t>& shape) {
  const auto found = index_.find(name);
  if (found == index_.end()) return;
  Tensor& tensor = tensors_[found->second];
  check(element_count(shape) == static_cast<int64_t>(tensor.values.size()), "trace: '{}' is {}, expected {}",
        name, to_string(tensor.shape), to_string(shape));
  tensor.shape = shape;
}

void TraceRecorder::move_rows(const std::string& from, const std::string& to) {
  const auto found = index_.find(from);
  if (found == index_.end()) return;
  const Tensor moved = std::move(tensors_[found->second]);
  tensors_.erase(tensors_.begin() + static_cast<std::ptrdiff_t>(found->second));
  index_.clear();
  for (size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
  append(to, moved.shape, moved.values.data());
}

void TraceRecorder::write(const std::string& path) const {
  std::vector<TensorEntry> entries;
  for (const Tensor& tensor : tensors_) {
    entries.push_back({tensor.name, DType::f32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  }
  write_safetensors(path, entries);
}

}  // namespace cobra
