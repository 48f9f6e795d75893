#include "bench/ceilings.h"

#include <unistd.h>

#include <algorithm>

#include "base/aligned_buffer.h"
#include "base/half.h"
#include "base/parallel.h"
#include "bench/repeated.h"
#include "bench/summed_read.h"
#include "kernels/kernels.h"
#include "kernels/quant.h"
#include "kernels/rounding.h"
#include "kernels/weight_matrix.h"

namespace cobra::bench {
namespace {

/// A buffer several times the last cache, from 512 MiB to 2 GiB.
int64_t read_buffer_bytes() {
  int64_t cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  return std::clamp<int64_t>(cache * 4, int64_t{512} << 20, int64_t{2} << 30) / 64 * 64;
}

std::vector<float> varied_values(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
  }
  return values;
}

struct Shape {
  int64_t rows, cols;
};

/// Of in_proj, its columns filled up to whole blocks of q8_0.
Shape in_proj_shape(const MambaConfig& c) {
  return {int64_t{2} * c.d_inner, round_up(c.d_model, kBlockCols)};
}

double operations_of(int64_t tokens, const Shape& weights) {
  return static_cast<double>(2 * tokens * weights.rows * weights.cols);
}

PackedMatrix q8_0_weights(const std::vector<float>& values, int64_t rows, int64_t cols, int threads) {
  const int64_t stride = row_bytes(DType::q8_0, cols);
  std::vector<std::byte> blocks(static_cast<size_t>(rows * stride));
  parallel_ranges(threads, rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      quantize_row(DType::q8_0, values.data() + r * cols, blocks.data() + r * stride, cols);
    }
  });
  return pack_matrix(DType::q8_0, rows, cols, blocks.data(), threads);
}

}  // namespace

PromptProduct::PromptProduct(const MambaConfig& config, int threads)
    : operations_(operations_of(kPromptTokens, in_proj_shape(config))),
      product_(kPromptTokens, in_proj_shape(config).rows, in_proj_shape(config).cols, threads,
               onednn_has_fast_bf16()) {
  const Shape shape = in_proj_shape(config);
  product_.set_inputs(varied_values(kPromptTokens * shape.cols).data(),
                      varied_values(shape.rows * shape.cols).data());
}

double PromptProduct::tflop_per_s() {
  return operations_ / seconds([&] { product_.run(); }) / 1e12;
}

CeilingMeter::CeilingMeter(const MambaConfig& config, const Runtime& runtime)
    : config_(config), runtime_(runtime) {}

void CeilingMeter::sample(int64_t runs) {
  sample_reads(runs);
  sample_products(runs);
}

void CeilingMeter::sample_reads(int64_t runs) {
  const int threads = runtime_.threads();
  auto buffer = AlignedBuffer<uint64_t>::uninitialized(read_buffer_bytes() / 8);
  parallel_ranges(threads, buffer.size(), [&](int64_t begin, int64_t end, int) {
    std::fill(buffer.data() + begin, buffer.data() + end, 1);  // by the thread that reads it
  });
  volatile uint64_t sum = 0;
  const Words words(buffer.data(), static_cast<size_t>(buffer.size()));
  if (!read_prefetches_) read_prefetches_ = prefetch_helps({&words, 1}, threads);
  const auto read = [&] { sum = summed_read({&words, 1}, threads, *read_prefetches_); };
  for (const double time : repeated({runs}, read)) {
    samples_.read_gb_per_s.push_back(static_cast<double>(buffer.bytes()) / 1e9 / time);
  }
}

void CeilingMeter::sample_products(int64_t runs) {
  const int threads = runtime_.threads();
  const Shape shape = in_proj_shape(config_);
  const std::vector<float> x = varied_values(kPromptTokens * shape.cols),
                           w = varied_values(shape.rows * shape.cols);
  std::vector<float> y(static_cast<size_t>(kPromptTokens * shape.rows));
  const auto add_own = [&](std::vector<double>& rates, int64_t rows, Phase phase,
                           const WeightMatrix& weights) {
    Workspace workspace;
    const Kernels kernels(runtime_.kernels(), threads, workspace, phase);
    const auto work = [&] {
      kernels.linear(TensorView<const float>(x.data(), rows, shape.cols), weights,
                     TensorView<float>(y.data(), rows, shape.rows));
    };
    for (const double time : repeated({runs}, work))
      rates.push_back(operations_of(rows, shape) / time / 1e12);
  };
  std::vector<BFloat16> w16;
  w16.reserve(w.size());
  for (const float value : w) w16.push_back(to_bfloat16(value));
  add_own(samples_.bf16_tflop_per_s, kPromptTokens, Phase::prefill,
          {DType::bf16, shape.rows, shape.cols, reinterpret_cast<const std::byte*>(w16.data())});
  add_own(samples_.int8_top_per_s, kFewTokens, Phase::decode,
          q8_0_weights(w, shape.rows, shape.cols, threads).view);
  PromptProduct product(config_, threads);
  for (const double rate : repeated_values({runs}, [&] { return product.tflop_per_s(); })) {
    samples_.onednn_bf16_tflop_per_s.push_back(rate);
  }
}

Ceilings CeilingMeter::medians() const {
  return {.read_gb_per_s = median(samples_.read_gb_per_s),
          .bf16_tflop_per_s = median(samples_.bf16_tflop_per_s),
          .int8_top_per_s = median(samples_.int8_top_per_s),
          .onednn_bf16_tflop_per_s = median(samples_.onednn_bf16_tflop_per_s),
          .own_in_bf16 = runtime_.bf16_products(),
          .onednn_in_bf16 = onednn_has_fast_bf16()};
}

}  // namespace cobra::bench
