// Tensors of a state dict as convert consumes them: each is asked for by name and shape, and what nobody
// asked for is an error. Nothing is converted here.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "formats/state_dict.h"

namespace cobra {

/// A size that a file gives, as an int. Throws Error "what: expected ..., found ..." when it is far beyond
/// every limit; sums of those that pass do not overflow.
int dimension(int64_t size, const std::string& what);

/// The tensors of one file whose names start with `prefix`, without it.
class SourceTensors {
 public:
  SourceTensors(std::shared_ptr<const StateDict> file, const std::string& prefix);

  const std::string& path() const { return file_->path(); }
  const std::shared_ptr<const StateDict>& file() const { return file_; }
  bool empty() const { return tensors_.empty(); }
  bool has(const std::string& name) const { return tensors_.contains(name); }
  std::vector<std::string> names() const;

  /// A tensor's shape, to infer dimensions from; throws Error when it is absent or its rank is not `rank`.
  const std::vector<int64_t>& shape(const std::string& name, size_t rank) const;
  /// Entry `axis` of that shape, as `dimension` gives it.
  int dimension(const std::string& name, size_t rank, size_t axis) const;

  /// The tensor, marked as used. Throws Error naming file, tensor, expected and found when it is absent, of
  /// another shape, or not f32, f16 or bf16. A -1 in `shape` matches every size.
  const TensorEntry& take(const std::string& name, const std::vector<int64_t>& shape);
  /// Marks tensors as known and dropped.
  void drop_prefix(std::string_view prefix);
  /// Throws Error naming the first tensor that was neither taken nor dropped.
  void check_all_used() const;

  /// One more than the largest N in names "<prefix>N.", 0 without any; throws Error above 1024.
  int count_layers(std::string_view prefix) const;

 private:
  std::shared_ptr<const StateDict> file_;
  std::string prefix_;
  std::map<std::string, const TensorEntry*, std::less<>> tensors_;
  std::set<std::string> used_;

  const TensorEntry& find(const std::string& name, const std::string& expected) const;
};

}  // namespace cobra
