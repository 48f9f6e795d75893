#include "model/weight_store.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"
#include "kernels/channel_stripe.h"
#include "kernels/kernel_table.h"

namespace cobra {
namespace {

/// The dimensions that say how values lie.
std::vector<int64_t> without_ones(std::vector<int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

/// Plain types are used where they lie. GGUF's own alignment is 32; a file may say less.
void check_alignment(const TensorEntry& tensor, const std::string& path) {
  check(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % alignof(float) == 0,
        "{}: tensor '{}': expected data at a multiple of {} bytes, found general.alignment below that", path,
        tensor.name, alignof(float));
}

/// One value that is not finite makes all that comes after it nonsense, and where activations are rounded to
/// 8 bits it is swallowed: the logits do not tell.
void check_finite(const float* values, int64_t count, const TensorEntry& tensor, const std::string& path) {
  const float* wrong =
      std::find_if(values, values + count, [](float value) { return !std::isfinite(value); });
  if (wrong == values + count) return;
  fail("{}: tensor '{}': expected finite values, found {} at {}: the file is damaged", path, tensor.name,
       *wrong, wrong - values);
}

/// The same for the scales of a packed matrix that begins at this row of its tensor.
void check_finite(const PackedMatrix& packed, int64_t first_row, const TensorEntry& tensor,
                  const std::string& path) {
  if (packed.damaged_tile < 0) return;
  const int64_t row = first_row + packed.damaged_tile * kTileRows;
  const int64_t last = std::min(row + kTileRows, first_row + packed.view.rows) - 1;
  fail("{}: tensor '{}': expected finite scales, found one in rows {} to {} that is not: the file is damaged",
       path, tensor.name, row, last);
}

/// The tensor of this name, of a type of weights. Of shapes what `counted` leaves must agree.
template <class Counted>
const TensorEntry& checked_tensor(const GgufFile& file, const std::string& name,
                                  const std::vector<int64_t>& shape, const Counted& counted) {
  const TensorEntry* tensor = file.find(name);
  check(tensor != nullptr, "{}: tensor '{}' is missing: expected shape {}", file.path(), name,
        to_string(shape));
  const std::vector<int64_t> expected = counted(shape);
  check(counted(tensor->shape) == expected, "{}: tensor '{}': expected shape {}, found {}", file.path(), name,
        to_string(expected), to_string(tensor->shape));
  check_alignment(*tensor, file.path());
  check_weight_type(*tensor, file.path());
  return *tensor;
}

}  // namespace

void check_weight_type(const TensorEntry& tensor, const std::string& path) {
  check(static_cast<int>(tensor.type) <= static_cast<int>(DType::q6_k),
        "{}: tensor '{}': type {} is not a type of weights", path, tensor.name, name(tensor.type));
}

const TensorEntry& weight_tensor(const GgufFile& file, const std::string& name,
                                 const std::vector<int64_t>& shape) {
  return checked_tensor(file, name, shape, [](const std::vector<int64_t>& all) { return all; });
}

WeightMatrix WeightStore::matrix(const std::string& name, int64_t rows, int64_t cols) {
  return matrices(name, 1, rows, cols).front();
}

std::vector<WeightMatrix> WeightStore::matrices(const std::string& name, int parts, int64_t rows,
                                                int64_t cols) {
  const TensorEntry& tensor = weight_tensor(*file_, name, {parts * rows, cols});
  const int64_t part_bytes = rows * row_bytes(tensor.type, cols);
  std::vector<WeightMatrix> views;
  for (int part = 0; part < parts; ++part) {
    const std::byte* data = tensor.bytes.data() + part * part_bytes;
    if (is_quantized(tensor.type)) {
      packed_.push_back(pack_matrix(tensor.type, rows, cols, data, threads_));
      check_finite(packed_.back(), part * rows, tensor, file_->path());
      views.push_back(packed_.back().view);
    } else {
      views.push_back({tensor.type, rows, cols, data});
    }
  }
  if (is_quantized(tensor.type)) file_->release_pages(tensor.bytes);
  return views;
}

const float* WeightStore::vector(const std::string& name, int64_t size) { return floats(name, {size}); }

const float* WeightStore::table(const std::string& name, int64_t rows, int64_t cols) {
  return floats(name, {rows, cols});
}

const float* WeightStore::channel_tiles(const std::string& name, int64_t channels, int64_t depth) {
  return floats_.emplace_back(tile_weights(table(name, channels, depth), channels, depth)).data();
}

const float* WeightStore::floats(const std::string& name, const std::vector<int64_t>& shape) {
  const TensorEntry& tensor = checked_tensor(*file_, name, shape, without_ones);
  const float* values = reinterpret_cast<const float*>(tensor.bytes.data());
  if (tensor.type != DType::f32) {
    const std::vector<float> converted = to_float32(tensor, file_->path());
    AlignedBuffer<float>& copy = floats_.emplace_back(std::ssize(converted));
    std::copy(converted.begin(), converted.end(), copy.begin());
    values = copy.data();
  }
  check_finite(values, tensor.elements(), tensor, file_->path());
  return values;
}

}  // namespace cobra
