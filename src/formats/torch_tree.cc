#include "formats/torch_tree.h"

#include <algorithm>
#include <cstring>

#include "base/fail.h"
#include "formats/tensor_file.h"

namespace cobra {
namespace {

constexpr int kMaxDepth = 64;
constexpr int64_t kMaxVisits = 1 << 20;  // the most values a pickle may have, so enough without sharing
constexpr size_t kMaxTensors = 1 << 16;
constexpr size_t kMaxNameBytes = 1024;

/// One walk. The name so far is one buffer that grows and shrinks: a name for every visit would cost far
/// more.
class Lister {
 public:
  Lister(const pickle::Tree& tree, const std::string& source) : tree_(tree), source_(source) {}

  std::vector<NamedTensor> run() {
    visit(tree_.root, 0);
    return std::move(tensors_);
  }

 private:
  const pickle::Tree& tree_;
  const std::string& source_;
  std::vector<NamedTensor> tensors_;
  std::string name_;
  int64_t visits_ = 0;

  void visit(pickle::Ref ref, int depth) {
    check(++visits_ <= kMaxVisits, "{}: more than {} values, counting shared ones each time", source_,
          kMaxVisits);
    if (depth > kMaxDepth) {
      fail("{}: nested deeper than {} levels at '{}'", source_, kMaxDepth, printable(name_));
    }
    const pickle::Value& value = tree_[ref];
    if (std::holds_alternative<pickle::Tensor>(value)) {
      check(tensors_.size() < kMaxTensors, "{}: more than {} tensors", source_, kMaxTensors);
      tensors_.push_back({name_, ref});
    } else if (const auto* dict = std::get_if<pickle::Dict>(&value)) {
      for (const auto& [key, item] : dict->items) visit_item(key_text(key), item, depth);
    } else if (const auto* list = std::get_if<pickle::List>(&value)) {
      for (size_t i = 0; i < list->items.size(); ++i) visit_item(std::to_string(i), list->items[i], depth);
    } else if (const auto* tuple = std::get_if<pickle::Tuple>(&value)) {
      for (size_t i = 0; i < tuple->items.size(); ++i) visit_item(std::to_string(i), tuple->items[i], depth);
    }
  }

  void visit_item(std::string_view key, pickle::Ref item, int depth) {
    const size_t parent_bytes = name_.size();
    if (depth > 0) name_ += '/';
    name_ += key;
    if (name_.size() > kMaxNameBytes) {
      fail("{}: name '{}' is longer than {} bytes", source_, printable(name_), kMaxNameBytes);
    }
    visit(item, depth + 1);
    name_.resize(parent_bytes);
  }

  std::string key_text(pickle::Ref key) const {
    if (const auto* text = std::get_if<std::string>(&tree_[key])) return *text;
    if (const auto* number = std::get_if<int64_t>(&tree_[key])) return std::to_string(*number);
    fail("{}: a dict key under '{}' must be a string or an integer, found {}", source_, printable(name_),
         pickle::kind(tree_[key]));
  }
};

bool is_empty(const pickle::Tensor& tensor) {
  return std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
}

}  // namespace

std::vector<NamedTensor> list_tensors(const pickle::Tree& tree, const std::string& source) {
  return Lister(tree, source).run();
}

void check_layout(const pickle::Tensor& tensor, int64_t storage_elements, const std::string& what) {
  if (is_empty(tensor)) return;
  int64_t last = tensor.offset;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    last = checked_add(last, checked_mul(tensor.shape[i] - 1, tensor.strides[i], what), what);
  }
  check(last < storage_elements, "{}: shape {}, strides {} and offset {} reach element {} of a storage of {}",
        what, to_string(tensor.shape), to_string(tensor.strides), tensor.offset, last, storage_elements);
}

bool is_contiguous(const pickle::Tensor& tensor) {
  int64_t expected = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] == 1) continue;  // its stride is never used
    if (tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

void gather(const pickle::Tensor& tensor, std::span<const std::byte> storage, int64_t element_bytes,
            std::byte* out) {
  const size_t rank = tensor.shape.size();
  std::vector<int64_t> at(rank, 0);
  int64_t element = tensor.offset;
  while (true) {
    std::memcpy(out, storage.data() + element * element_bytes, static_cast<size_t>(element_bytes));
    out += element_bytes;
    size_t i = rank;
    for (; i > 0; --i) {  // the next index, row-major: the last dimension that has one more; those behind it
                          // start again
      element += tensor.strides[i - 1];
      if (++at[i - 1] < tensor.shape[i - 1]) break;
      element -= tensor.strides[i - 1] * tensor.shape[i - 1];
      at[i - 1] = 0;
    }
    if (i == 0) return;
  }
}

}  // namespace cobra
