// Training's causal convolution: stripes of channels, block by block through time.
#include <array>

#include "base/fail.h"
#include "base/parallel.h"
#include "kernels/channel_stripe.h"
#include "kernels/mamba_training.h"

namespace cobra {
namespace {

/// A block of a stripe's tiles, after the inputs before it.
using Window = std::array<float, kStripeTiles*(kMaxConvTaps - 1 + kBlockSteps) * kTileChannels>;
using Block = std::array<float, kStripeTiles * kTileBlock>;
using Taps = std::array<float, kStripeTiles * kMaxConvTaps * kTileChannels>;

struct TiledConv {
  AlignedBuffer<float> weight, bias;

  explicit TiledConv(const ConvOperands& in)
      : weight(tile_weights(in.weight, in.x.cols, in.taps)), bias(tile_weights(in.bias, in.x.cols, 1)) {
    check(in.taps >= 1 && in.taps <= kMaxConvTaps, "causal_conv1d: taps: expected 1 to {}, found {}",
          kMaxConvTaps, in.taps);
  }
};

void forward_stripe(const KernelTable& table, const ConvOperands& in, const TiledConv& w, int64_t sequence,
                    const Stripe& stripe, TensorView<float> y) {
  alignas(64) Block x;
  Taps state{};
  for (int64_t begin = 0; begin < in.L; begin += kBlockSteps) {
    const int64_t steps = std::min(kBlockSteps, in.L - begin), row = sequence * in.L + begin;
    stripe.load(in.x.slice_rows(row, steps), x.data(), kTileBlock);
    for (int64_t i = 0; i < stripe.tiles; ++i) {
      const int64_t tile = (stripe.first_tile + i) * kTileChannels;
      table.causal_conv1d_silu({.L = steps,
                                .taps = in.taps,
                                .weight = w.weight.data() + tile * in.taps,
                                .bias = w.bias.data() + tile,
                                .state = state.data() + i * in.taps * kTileChannels,
                                .x = x.data() + i * kTileBlock});
    }
    stripe.store(x.data(), kTileBlock, y.slice_rows(row, steps));
  }
}

/// Inputs of a block and of the `before` steps before it, which are zero at the start of a sequence.
void load_window(const ConvOperands& in, int64_t sequence, int64_t begin, int64_t steps, const Stripe& stripe,
                 int64_t ld, float* out) {
  const int64_t before = in.taps - 1, known = std::min(before, begin), zeros = before - known;
  for (int64_t i = 0; i < stripe.tiles; ++i) std::fill_n(out + i * ld, zeros * kTileChannels, 0.0f);
  stripe.load(in.x.slice_rows(sequence * in.L + begin - known, known + steps), out + zeros * kTileChannels,
              ld);
}

/// `sums`: this sequence's gradient of weight and bias, [tile][taps + 1][16], zero.
void backward_stripe(const KernelTable& table, const ConvOperands& in, const TiledConv& w, int64_t sequence,
                     const Stripe& stripe, TensorView<const float> dy, TensorView<float> dx, float* sums) {
  alignas(64) Window x;
  alignas(64) Block gradient;
  Taps carry{};
  const int64_t ld = (in.taps - 1 + kBlockSteps) * kTileChannels;
  for (int64_t block = blocks_of(in.L) - 1; block >= 0; --block) {
    const int64_t begin = block * kBlockSteps, steps = std::min(kBlockSteps, in.L - begin);
    load_window(in, sequence, begin, steps, stripe, ld, x.data());
    stripe.load(dy.slice_rows(sequence * in.L + begin, steps), gradient.data(), kTileBlock);
    for (int64_t i = 0; i < stripe.tiles; ++i) {
      const int64_t tile = (stripe.first_tile + i) * kTileChannels;
      float* dweight = sums + tile * (in.taps + 1);
      table.causal_conv1d_silu_backward({.L = steps,
                                         .taps = in.taps,
                                         .weight = w.weight.data() + tile * in.taps,
                                         .bias = w.bias.data() + tile,
                                         .x = x.data() + i * ld,
                                         .dy = gradient.data() + i * kTileBlock,
                                         .carry = carry.data() + i * in.taps * kTileChannels,
                                         .dx = gradient.data() + i * kTileBlock,
                                         .dweight = dweight,
                                         .dbias = dweight + in.taps * kTileChannels});
    }
    stripe.store(gradient.data(), kTileBlock, dx.slice_rows(sequence * in.L + begin, steps));
  }
}

}  // namespace

void causal_conv1d_silu_forward(const KernelTable& table, int threads, const ConvOperands& in,
                                TensorView<float> y) {
  const TiledConv w(in);
  const int64_t stripes = stripes_of(in.x.cols);
  parallel_for(threads, in.batch * stripes, [&](int64_t task, int) {
    forward_stripe(table, in, w, task / stripes, Stripe(task % stripes, in.x.cols), y);
  });
}

void causal_conv1d_silu_backward(const KernelTable& table, int threads, const ConvOperands& in,
                                 TensorView<const float> dy, const ConvGradients& out) {
  const TiledConv w(in);
  const int64_t channels = in.x.cols, stripes = stripes_of(channels), ld = in.taps + 1;
  const int64_t sum_size = tiles_of(channels) * ld * kTileChannels;
  AlignedBuffer<float> sums(in.batch * sum_size);
  parallel_for(threads, in.batch * stripes, [&](int64_t task, int) {
    const int64_t sequence = task / stripes;
    backward_stripe(table, in, w, sequence, Stripe(task % stripes, channels), dy, out.x,
                    sums.data() + sequence * sum_size);
  });
  sum_tiles(sums, in.batch, ld, 0, in.taps, channels, out.weight);
  sum_tiles(sums, in.batch, ld, in.taps, 1, channels, out.bias);
}

}  // namespace cobra
