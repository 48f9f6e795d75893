#include "kernels/kernels.h"

#include <algorithm>

#include "base/half.h"
#include "base/parallel.h"

namespace cobra {
namespace {

/// What one value of the operators costs, in the unit of kWorkPerThread.
constexpr int64_t kNormWork = 2, kScanWorkPerState = 8;

}  // namespace

Kernels::Kernels(const KernelTable& table, int threads, Workspace& workspace, Phase phase, Numerics numerics)
    : table_(table), threads_(threads), workspace_(workspace), phase_(phase), numerics_(numerics) {
  if (std::ssize(workspace_.threads) < threads) workspace_.threads.resize(static_cast<size_t>(threads));
}

int Kernels::threads_for(int64_t work) const {
  return static_cast<int>(std::clamp<int64_t>(work / kWorkPerThread, 1, threads_));
}

void Kernels::rms_norm(TensorView<const float> x, const float* weight, float eps,
                       TensorView<float> out) const {
  parallel_ranges(threads_for(x.rows * x.cols * kNormWork), x.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) table_.rms_norm(x.row(r), weight, eps, x.cols, out.row(r));
  });
}

void Kernels::layer_norm(TensorView<const float> x, const float* weight, const float* bias, float eps,
                         TensorView<float> out) const {
  parallel_ranges(threads_for(x.rows * x.cols * kNormWork), x.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) table_.layer_norm(x.row(r), weight, bias, eps, x.cols, out.row(r));
  });
}

namespace {

void round_to_bfloat16(float* values, int64_t n) {
  std::transform(values, values + n, values, [](float v) { return to_float(to_bfloat16(v)); });
}

/// The state of one tile of channels, where it is updated.
float* begin_state(const Sequence& s, int64_t tile, int64_t size) {
  float* state = s.state + tile * size;
  if (s.start) std::copy_n(s.start + tile * size, size, state);
  return state;
}

}  // namespace

void Kernels::causal_conv1d_silu(TiledView<float> x, const ConvWeights& w,
                                 std::span<const Sequence> sequences) const {
  const int64_t state_size = int64_t{w.taps} * kTileChannels;
  const auto convolve = [&](int64_t i, const Sequence& s) {
    table_.causal_conv1d_silu({.L = s.rows,
                               .taps = w.taps,
                               .weight = w.weight + i * state_size,
                               .bias = w.bias + i * kTileChannels,
                               .state = begin_state(s, i, state_size),
                               .x = x.tile(i) + s.first * kTileChannels});
  };
  parallel_ranges(threads_for(x.L * x.channels * w.taps), x.tiles(), [&](int64_t begin, int64_t end, int) {
    for (const Sequence& s : sequences) {  // a session's state lies in one piece
      for (int64_t i = begin; i < end; ++i) convolve(i, s);
    }
  });
}

void Kernels::selective_scan(TiledView<const float> x, TiledView<const float> dt, const ScanWeights& w,
                             TensorView<const float> B, TensorView<const float> C, TiledView<const float> z,
                             std::span<const Sequence> sequences, TiledView<float> y) const {
  const int64_t state_size = int64_t{w.states} * kTileChannels;
  const auto scan_rows = [&](int64_t i, int64_t first, int64_t rows, float* state) {
    const int64_t at = first * kTileChannels;
    table_.selective_scan({.L = rows,
                           .states = w.states,
                           .x = x.tile(i) + at,
                           .dt = dt.tile(i) + at,
                           .z = z.tile(i) + at,
                           .B = B.row(first),
                           .C = C.row(first),
                           .ld_bc = B.stride,
                           .A = w.A + i * state_size,
                           .D = w.D + i * kTileChannels,
                           .dt_bias = w.dt_bias + i * kTileChannels,
                           .state = state,
                           .y = y.tile(i) + at});
  };
  const auto scan = [&](int64_t i, const Sequence& s) {
    float* state = begin_state(s, i, state_size);
    if (numerics_.state == StateType::f32) return scan_rows(i, s.first, s.rows, state);
    for (int64_t r = 0; r < s.rows; ++r) {
      scan_rows(i, s.first + r, 1, state);
      round_to_bfloat16(state, state_size);
    }
  };
  parallel_ranges(threads_for(x.L * x.channels * w.states * kScanWorkPerState), x.tiles(),
                  [&](int64_t begin, int64_t end, int) {
                    for (const Sequence& s : sequences) {
                      for (int64_t i = begin; i < end; ++i) scan(i, s);
                    }
                  });
}

}  // namespace cobra
