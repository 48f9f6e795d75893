#include "bench/ceilings.h"

#include <algorithm>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/parallel.h"
#include "bench/repeated.h"
#include "kernels/gemm_onednn.h"
#include "kernels/kernels.h"
#include "model/model_parts.h"

namespace cobra::bench {
namespace {

constexpr int64_t kReadBytes = int64_t{512} << 20;  // many times the caches
constexpr int64_t kPromptTokens = 768, kFewTokens = 16;

template <typename Work>
double best_seconds(int64_t repeats, const Work& work) {
  const std::vector<double> times = repeated(repeats, work);
  return *std::min_element(times.begin(), times.end());
}

/// Adds up every word, or the compiler would leave the loads out.
uint64_t summed_read(const uint64_t* words, int64_t count, int threads) {
  constexpr int64_t kLine = 8, kAhead = 256;  // words: a cache line; how far ahead it is asked for
  std::vector<uint64_t> sums(static_cast<size_t>(threads) * kLine);
  parallel_ranges(threads, count / kLine, [&](int64_t begin, int64_t end, int thread) {
    uint64_t sum[kLine] = {};
    for (int64_t line = begin; line < end; ++line) {
      __builtin_prefetch(words + line * kLine + kAhead);
      for (int64_t i = 0; i < kLine; ++i) sum[i] += words[line * kLine + i];
    }
    for (const uint64_t part : sum) sums[static_cast<size_t>(thread * kLine)] += part;
  });
  uint64_t total = 0;
  for (const uint64_t part : sums) total += part;
  return total;
}

double read_rate(int threads, int64_t repeats) {
  auto buffer = AlignedBuffer<uint64_t>::uninitialized(kReadBytes / 8);
  std::fill_n(buffer.data(), buffer.size(), 1);
  volatile uint64_t sum = 0;
  return static_cast<double>(kReadBytes) / 1e9 /
         best_seconds(repeats, [&] { sum = summed_read(buffer.data(), buffer.size(), threads); });
}

std::vector<float> varied_values(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = 1;  // zeros would be multiplied faster on some machines
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
  }
  return values;
}

/// 10^12 operations a second of rows x w, a product and a sum being two.
double product_rate(const Model& model, const WeightMatrix& w, int64_t rows, Phase phase, int64_t repeats) {
  const Runtime& runtime = model.runtime();
  Workspace workspace;
  const Kernels kernels(runtime.kernels(), runtime.threads(), workspace, phase);
  const std::vector<float> x = varied_values(rows * w.cols);
  std::vector<float> y(static_cast<size_t>(rows * w.rows));
  const double time = best_seconds(repeats, [&] {
    kernels.linear(TensorView<const float>(x.data(), rows, w.cols), w,
                   TensorView<float>(y.data(), rows, w.rows));
  });
  return 2e-12 * static_cast<double>(rows * w.rows * w.cols) / time;
}

double onednn_rate(const WeightMatrix& w, int threads, bool bf16, int64_t repeats) {
  const std::vector<float> a = varied_values(kPromptTokens * w.cols), b = varied_values(w.rows * w.cols);
  const auto narrow = [](const std::vector<float>& values) {
    std::vector<BFloat16> out;
    for (const float value : values) out.push_back(to_bfloat16(value));
    return out;
  };
  const std::vector<BFloat16> a16 = narrow(a), b16 = narrow(b);
  std::vector<float> c(static_cast<size_t>(kPromptTokens * w.rows));
  const double time = best_seconds(repeats, [&] {
    parallel_ranges(threads, w.rows, [&](int64_t begin, int64_t end, int) {
      const Gemm shape{kPromptTokens, end - begin, w.cols, w.cols, w.rows, w.rows, /*transpose_b=*/false};
      if (bf16)
        onednn_gemm_bf16(shape, a16.data(), b16.data() + begin, c.data() + begin);
      else
        onednn_gemm_f32(shape, a.data(), b.data() + begin, c.data() + begin);
    });
  });
  return 2e-12 * static_cast<double>(kPromptTokens * w.rows * w.cols) / time;
}

}  // namespace

Ceilings measure_ceilings(const Model& model, int64_t repeats) {
  const WeightMatrix& w = model.parts().mamba.layers.at(0).in_proj_x;
  const int threads = model.runtime().threads();
  Ceilings ceilings;
  ceilings.bf16 = onednn_has_fast_bf16();
  ceilings.read_gb_per_s = read_rate(threads, repeats);
  ceilings.bf16_tflop_per_s = product_rate(model, w, kPromptTokens, Phase::prefill, repeats);
  ceilings.int8_tflop_per_s = product_rate(model, w, kFewTokens, Phase::decode, repeats);
  ceilings.onednn_bf16_tflop_per_s = onednn_rate(w, threads, ceilings.bf16, repeats);
  return ceilings;
}

}  // namespace cobra::bench
