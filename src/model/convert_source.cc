#include "model/convert_source.h"

#include <algorithm>
#include <charconv>

#include "base/fail.h"

namespace cobra {
namespace {

constexpr int kMaxLayers = 1024;

bool matches(const std::vector<int64_t>& expected, const std::vector<int64_t>& found) {
  return std::equal(expected.begin(), expected.end(), found.begin(), found.end(),
                    [](int64_t wanted, int64_t size) { return wanted == -1 || wanted == size; });
}

}  // namespace

int dimension(int64_t size, const std::string& what) {
  constexpr int64_t kMost = 1 << 24;
  check(size >= 0 && size <= kMost, "{}: expected 0 to {}, found {}", what, kMost, size);
  return static_cast<int>(size);
}

SourceTensors::SourceTensors(std::shared_ptr<const StateDict> file, const std::string& prefix)
    : file_(std::move(file)), prefix_(prefix) {
  for (const TensorEntry& tensor : file_->tensors()) {
    if (tensor.name.starts_with(prefix_)) tensors_.emplace(tensor.name.substr(prefix_.size()), &tensor);
  }
}

std::vector<std::string> SourceTensors::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

const TensorEntry& SourceTensors::find(const std::string& name, const std::string& expected) const {
  const auto found = tensors_.find(name);
  check(found != tensors_.end(), "{}: tensor '{}{}' is missing, expected shape {}", path(), prefix_, name,
        expected);
  return *found->second;
}

const std::vector<int64_t>& SourceTensors::shape(const std::string& name, size_t rank) const {
  const TensorEntry& tensor = find(name, fmt::format("of {} dimensions", rank));
  check(tensor.shape.size() == rank, "{}: tensor '{}{}': expected {} dimensions, found shape {}", path(),
        prefix_, name, rank, to_string(tensor.shape));
  return tensor.shape;
}

const TensorEntry& SourceTensors::take(const std::string& name, const std::vector<int64_t>& shape) {
  const TensorEntry& tensor = find(name, to_string(shape));
  check(matches(shape, tensor.shape), "{}: tensor '{}{}': expected shape {}, found {}", path(), prefix_, name,
        to_string(shape), to_string(tensor.shape));
  check(tensor.type == DType::f32 || tensor.type == DType::f16 || tensor.type == DType::bf16,
        "{}: tensor '{}{}': expected type f32, f16 or bf16, found {}", path(), prefix_, name,
        cobra::name(tensor.type));
  used_.insert(name);
  return tensor;
}

void SourceTensors::drop_prefix(std::string_view prefix) {
  for (auto it = tensors_.lower_bound(prefix); it != tensors_.end() && it->first.starts_with(prefix); ++it) {
    used_.insert(it->first);
  }
}

void SourceTensors::check_all_used() const {
  for (const auto& [name, tensor] : tensors_) {
    check(used_.contains(name),
          "{}: tensor '{}' of shape {} is unexpected: this kind of model has none of that name", path(),
          printable(tensor->name), to_string(tensor->shape));
  }
}

int SourceTensors::dimension(const std::string& name, size_t rank, size_t axis) const {
  return cobra::dimension(shape(name, rank)[axis],
                          fmt::format("{}: tensor '{}{}': dimension {}", path(), prefix_, name, axis));
}

int SourceTensors::count_layers(std::string_view prefix) const {
  int count = 0;
  for (auto it = tensors_.lower_bound(prefix); it != tensors_.end() && it->first.starts_with(prefix); ++it) {
    const char* digits = it->first.data() + prefix.size();
    const char* end = it->first.data() + it->first.size();
    int layer = -1;
    const auto [after, error] = std::from_chars(digits, end, layer);
    const bool numbered = error == std::errc() && after != end && *after == '.' && layer >= 0;
    check(numbered && layer < kMaxLayers, "{}: tensor '{}': expected a layer from 0 to {} after '{}'", path(),
          printable(it->second->name), kMaxLayers - 1, prefix);
    count = std::max(count, layer + 1);
  }
  return count;
}

}  // namespace cobra
