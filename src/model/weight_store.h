// Binding a model file's tensors to what the layers want: type and shape checked, layout changed once.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "kernels/weight_matrix.h"

namespace cobra {

/// Throws Error "path: tensor 'x': ..." unless the tensor has a type of weights.
void check_weight_type(const TensorEntry& tensor, const std::string& path);

/// The tensor of this name; throws Error "path: tensor 'x': expected ..., found ..." unless it has this shape
/// and a type of weights.
const TensorEntry& weight_tensor(const GgufFile& file, const std::string& name,
                                 const std::vector<int64_t>& shape);

/// Gives views into a GGUF's tensors and owns what had to be laid out anew. Every call names a tensor, checks
/// its type and shape, and that vectors, tables and the scales of quantised blocks are finite (plain matrices
/// are not read for it: what is not finite in them shows in the logits, which are checked), and throws Error
/// "path: tensor 'x': expected ..., found ...". The file must outlive the views.
class WeightStore {
 public:
  WeightStore(const GgufFile& file, int threads) : file_(&file), threads_(threads) {}

  const std::string& path() const { return file_->path(); }
  bool has(const std::string& name) const { return file_->find(name) != nullptr; }
  /// A matrix [rows, cols]: plain types are views into the file; quantised ones are packed and their pages
  /// given back.
  WeightMatrix matrix(const std::string& name, int64_t rows, int64_t cols);
  /// The same for a tensor of several stacked matrices [parts * rows, cols].
  std::vector<WeightMatrix> matrices(const std::string& name, int parts, int64_t rows, int64_t cols);
  /// `size` float32 values. Here and below dimensions of 1 do not count: [1, size] is as good, and so is a
  /// convolution's [channels, 1, depth].
  const float* vector(const std::string& name, int64_t size);
  /// float32 values [rows, cols].
  const float* table(const std::string& name, int64_t rows, int64_t cols);
  /// A table [channels, depth] as channel tiles [channels/16][depth][16], padded with zeros.
  const float* channel_tiles(const std::string& name, int64_t channels, int64_t depth);

 private:
  const GgufFile* file_;
  int threads_;
  std::deque<PackedMatrix> packed_;
  std::deque<AlignedBuffer<float>> floats_;

  const float* floats(const std::string& name, const std::vector<int64_t>& shape);
};

}  // namespace cobra
