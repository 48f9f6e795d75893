#include "model/tensor_output.h"

#include <algorithm>
#include <cmath>

#include "base/aligned_buffer.h"
#include "base/fail.h"
#include "base/parallel.h"
#include "formats/tensor_bytes.h"
#include "kernels/quant.h"
#include "model/weight_store.h"

namespace cobra {
namespace {

constexpr int64_t kChunkValues = 1 << 16;  // work of one turn of a thread: large enough to hide the hand-out

int64_t bytes_of(const OutputTensor& tensor) { return tensor_bytes(tensor.type, tensor.shape, tensor.name); }

void make_rows(const OutputTensor& tensor, int threads, std::span<std::byte> out) {
  const int64_t cols = tensor.shape.back();
  const int64_t stride = row_bytes(tensor.type, cols);
  const int64_t rows = stride > 0 ? static_cast<int64_t>(out.size()) / stride : 0;
  const int64_t chunk = std::max<int64_t>(1, kChunkValues / std::max<int64_t>(cols, 1));
  std::vector<AlignedBuffer<float>> scratch;
  for (int thread = 0; thread < std::max(threads, 1); ++thread) {
    scratch.push_back(AlignedBuffer<float>::uninitialized(cols));
  }
  parallel_for(threads, (rows + chunk - 1) / chunk, [&](int64_t turn, int thread) {
    float* values = scratch[static_cast<size_t>(thread)].data();
    for (int64_t row = turn * chunk; row < std::min(rows, (turn + 1) * chunk); ++row) {
      tensor.read_row(row, values);
      quantize_row(tensor.type, values, out.data() + row * stride, cols);
    }
  });
}

}  // namespace

void check_finite(const float* values, int64_t n, int64_t row, const std::string& path,
                  const std::string& tensor) {
  for (int64_t i = 0; i < n; ++i) {
    if (std::isfinite(values[i])) continue;  // the message is made for a bad value only
    fail("{}: tensor '{}': expected finite numbers, found {} at row {}, column {}", path, printable(tensor),
         values[i], row, i);
  }
}

OutputTensor retyped(const GgufFile& file, const TensorEntry& tensor, const TensorSpec& spec, DType wanted) {
  check(tensor.shape == spec.shape, "{}: tensor '{}': expected shape {}, found {}", file.path(), tensor.name,
        to_string(spec.shape), to_string(tensor.shape));
  check_weight_type(tensor, file.path());
  OutputTensor output{tensor.name, tensor.shape, stored_type(spec, wanted), {}, {}, {}};
  if (output.type == tensor.type) {
    output.ready = tensor.bytes;
  } else {
    const int64_t cols = tensor.shape.back();
    output.read_row = [&file, &tensor, cols](int64_t row, float* out) {
      dequantize_row(tensor.type, tensor.bytes.data() + row * row_bytes(tensor.type, cols), out, cols);
      check_finite(out, cols, row, file.path(), tensor.name);
    };
  }
  output.done = [&file, &tensor] { file.release_pages(tensor.bytes); };
  return output;
}

void write_tensors(const std::vector<OutputTensor>& tensors, int threads, const Progress& progress,
                   GgufWriter& writer) {
  int64_t total = 0, done = 0, largest = 0;
  for (const OutputTensor& tensor : tensors) {
    writer.declare(tensor.name, tensor.type, tensor.shape);
    total = checked_add(total, bytes_of(tensor), "model size");
    if (tensor.ready.empty()) largest = std::max(largest, bytes_of(tensor));
  }
  auto buffer = AlignedBuffer<std::byte>::uninitialized(largest);
  for (const OutputTensor& tensor : tensors) {
    const int64_t bytes = bytes_of(tensor);
    if (tensor.ready.empty()) {
      const std::span<std::byte> out(buffer.data(), static_cast<size_t>(bytes));
      make_rows(tensor, threads, out);
      writer.write_tensor(out);
    } else {
      writer.write_tensor(tensor.ready);
    }
    if (tensor.done) tensor.done();
    done += bytes;
    if (progress) progress(done, total, tensor.name);
  }
  writer.finish();
}

}  // namespace cobra
