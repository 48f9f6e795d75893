// Training's selective scan: stripes of channels, block by block through time. Forward keeps the states
// before each block; backward goes from the last block to the first and computes a block's states again.
#include <array>
#include <vector>

#include "base/fail.h"
#include "base/parallel.h"
#include "kernels/channel_stripe.h"
#include "kernels/mamba_training.h"

namespace cobra {
namespace {

using Block = std::array<float, kStripeTiles * kTileBlock>;

struct TiledScan {
  AlignedBuffer<float> A, D, dt_bias;

  explicit TiledScan(const ScanOperands& in)
      : A(tile_weights(in.A, in.x.cols, in.B.cols)),
        D(tile_weights(in.D, in.x.cols, 1)),
        dt_bias(tile_weights(in.dt_bias, in.x.cols, 1)) {
    check(in.B.stride == in.C.stride,
          "selective_scan: strides of B and C: expected the same, found {} and {}", in.B.stride, in.C.stride);
  }
};

/// Sizes that follow from the operands.
struct Sizes {
  int64_t channels, states, tile_state, sequence_state;

  explicit Sizes(const ScanOperands& in)
      : channels(in.x.cols),
        states(in.B.cols),
        tile_state(states * kTileChannels),
        sequence_state(tiles_of(channels) * tile_state) {}

  /// Where the states before a block lie: [batch][blocks][tile][states][16].
  int64_t checkpoint(const ScanOperands& in, int64_t sequence, int64_t block) const {
    return (sequence * blocks_of(in.L) + block) * sequence_state;
  }
};

/// x, dt and z of a stripe's tiles over a block.
struct Activations {
  alignas(64) Block x, dt, z;

  void load(const ScanOperands& in, int64_t row, int64_t steps, const Stripe& stripe) {
    stripe.load(in.x.slice_rows(row, steps), x.data(), kTileBlock);
    stripe.load(in.dt.slice_rows(row, steps), dt.data(), kTileBlock);
    stripe.load(in.z.slice_rows(row, steps), z.data(), kTileBlock);
  }
};

/// `state`: of the stripe's tiles, read and updated. `checkpoints`: of the sequence's first block, or null.
void forward_stripe(const KernelTable& table, const ScanOperands& in, const TiledScan& w, int64_t sequence,
                    const Stripe& stripe, float* state, float* checkpoints, TensorView<float> y) {
  const Sizes size(in);
  Activations at;
  for (int64_t begin = 0; begin < in.L; begin += kBlockSteps) {
    const int64_t steps = std::min(kBlockSteps, in.L - begin), row = sequence * in.L + begin;
    if (checkpoints) {
      float* block = checkpoints + begin / kBlockSteps * size.sequence_state;
      std::copy(state, state + stripe.tiles * size.tile_state, block + stripe.first_tile * size.tile_state);
    }
    at.load(in, row, steps, stripe);
    for (int64_t i = 0; i < stripe.tiles; ++i) {
      const int64_t tile = stripe.first_tile + i;
      table.selective_scan({.L = steps,
                            .states = static_cast<int>(size.states),
                            .x = at.x.data() + i * kTileBlock,
                            .dt = at.dt.data() + i * kTileBlock,
                            .z = at.z.data() + i * kTileBlock,
                            .B = in.B.row(row),
                            .C = in.C.row(row),
                            .ld_bc = in.B.stride,
                            .A = w.A.data() + tile * size.tile_state,
                            .D = w.D.data() + tile * kTileChannels,
                            .dt_bias = w.dt_bias.data() + tile * kTileChannels,
                            .state = state + i * size.tile_state,
                            .y = at.x.data() + i * kTileBlock});
    }
    stripe.store(at.x.data(), kTileBlock, y.slice_rows(row, steps));
  }
}

/// Sums that several stripes or sequences share are kept apart here and added up at the end, in a fixed
/// order.
struct Partial {
  int64_t weight_rows;           // states of dA, then dD, ddt_bias
  AlignedBuffer<float> weights;  // [batch][tile][weight_rows][16]
  AlignedBuffer<float> dbc;      // [stripe][batch * L][2 states]: dB | dC

  explicit Partial(const ScanOperands& in)
      : weight_rows(in.B.cols + 2),
        weights(in.batch * tiles_of(in.x.cols) * weight_rows * kTileChannels),
        dbc(AlignedBuffer<float>::uninitialized(stripes_of(in.x.cols) * in.batch * in.L * 2 * in.B.cols)) {}

  float* tile_weights(int64_t sequence, int64_t tile, const ScanOperands& in) {
    return weights.data() + (sequence * tiles_of(in.x.cols) + tile) * weight_rows * kTileChannels;
  }
  float* rows(int64_t stripe, int64_t row, const ScanOperands& in) {
    return dbc.data() + (stripe * in.batch * in.L + row) * 2 * in.B.cols;
  }
};

/// `dstate`: of the stripe's tiles, zero. `checkpoints`: of the sequence's first block.
void backward_stripe(const KernelTable& table, const ScanOperands& in, const TiledScan& w, int64_t sequence,
                     const Stripe& stripe, const float* checkpoints, TensorView<const float> dy,
                     float* dstate, Partial& partial, const ScanGradients& out) {
  const Sizes size(in);
  Activations at;
  alignas(64) Block gradient;
  for (int64_t block = blocks_of(in.L) - 1; block >= 0; --block) {
    const int64_t begin = block * kBlockSteps, steps = std::min(kBlockSteps, in.L - begin),
                  row = sequence * in.L + begin;
    at.load(in, row, steps, stripe);
    stripe.load(dy.slice_rows(row, steps), gradient.data(), kTileBlock);
    float* dbc = partial.rows(stripe.first_tile / kStripeTiles, row, in);
    std::fill_n(dbc, steps * 2 * size.states, 0.0f);
    for (int64_t i = 0; i < stripe.tiles; ++i) {
      const int64_t tile = stripe.first_tile + i;
      float* x = at.x.data() + i * kTileBlock;
      float* dt = at.dt.data() + i * kTileBlock;
      float* z = at.z.data() + i * kTileBlock;
      float* dweights = partial.tile_weights(sequence, tile, in);
      table.selective_scan_backward(
          {.L = steps,
           .states = static_cast<int>(size.states),
           .x = x,
           .dt = dt,
           .z = z,
           .B = in.B.row(row),
           .C = in.C.row(row),
           .ld_bc = in.B.stride,
           .A = w.A.data() + tile * size.tile_state,
           .D = w.D.data() + tile * kTileChannels,
           .dt_bias = w.dt_bias.data() + tile * kTileChannels,
           .state = checkpoints + block * size.sequence_state + tile * size.tile_state,
           .dy = gradient.data() + i * kTileBlock,
           .dstate = dstate + i * size.tile_state,
           .dx = x,
           .ddt = dt,
           .dz = z,
           .dB = dbc,
           .dC = dbc + size.states,
           .ld_dbc = 2 * size.states,
           .dA = dweights,
           .dD = dweights + size.tile_state,
           .ddt_bias = dweights + size.tile_state + kTileChannels});
    }
    stripe.store(at.x.data(), kTileBlock, out.x.slice_rows(row, steps));
    stripe.store(at.dt.data(), kTileBlock, out.dt.slice_rows(row, steps));
    stripe.store(at.z.data(), kTileBlock, out.z.slice_rows(row, steps));
  }
}

void sum_stripes(int threads, const ScanOperands& in, Partial& partial, const ScanGradients& out) {
  const int64_t states = in.B.cols, stripes = stripes_of(in.x.cols);
  parallel_ranges(threads, in.batch * in.L, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      float *dB = out.B.row(row), *dC = out.C.row(row);
      std::fill_n(dB, states, 0.0f);
      std::fill_n(dC, states, 0.0f);
      for (int64_t stripe = 0; stripe < stripes; ++stripe) {
        const float* dbc = partial.rows(stripe, row, in);
        for (int64_t n = 0; n < states; ++n) dB[n] += dbc[n];
        for (int64_t n = 0; n < states; ++n) dC[n] += dbc[states + n];
      }
    }
  });
}

}  // namespace

int64_t scan_checkpoint_size(const ScanOperands& in) {
  return in.batch * blocks_of(in.L) * Sizes(in).sequence_state;
}

void selective_scan_forward(const KernelTable& table, int threads, const ScanOperands& in,
                            const float* initial_state, float* checkpoints, TensorView<float> y) {
  const TiledScan w(in);
  const Sizes size(in);
  const int64_t stripes = stripes_of(size.channels);
  std::vector<AlignedBuffer<float>> states;  // [tile][states][16] of each sequence
  for (int64_t b = 0; b < in.batch; ++b) {
    states.push_back(initial_state ? tile_weights(initial_state + b * size.channels * size.states,
                                                  size.channels, size.states)
                                   : AlignedBuffer<float>(size.sequence_state));
  }
  parallel_for(threads, in.batch * stripes, [&](int64_t task, int) {
    const int64_t sequence = task / stripes;
    const Stripe stripe(task % stripes, size.channels);
    forward_stripe(table, in, w, sequence, stripe,
                   states[static_cast<size_t>(sequence)].data() + stripe.first_tile * size.tile_state,
                   checkpoints ? checkpoints + size.checkpoint(in, sequence, 0) : nullptr, y);
  });
}

void selective_scan_backward(const KernelTable& table, int threads, const ScanOperands& in,
                             const float* checkpoints, TensorView<const float> dy, const ScanGradients& out) {
  const TiledScan w(in);
  const Sizes size(in);
  const int64_t stripes = stripes_of(size.channels);
  AlignedBuffer<float> dstates(in.batch * size.sequence_state);
  Partial partial(in);
  parallel_for(threads, in.batch * stripes, [&](int64_t task, int) {
    const int64_t sequence = task / stripes;
    const Stripe stripe(task % stripes, size.channels);
    backward_stripe(table, in, w, sequence, stripe, checkpoints + size.checkpoint(in, sequence, 0), dy,
                    dstates.data() + sequence * size.sequence_state + stripe.first_tile * size.tile_state,
                    partial, out);
  });
  sum_stripes(threads, in, partial, out);
  sum_tiles(partial.weights, in.batch, partial.weight_rows, 0, size.states, size.channels, out.A);
  sum_tiles(partial.weights, in.batch, partial.weight_rows, size.states, 1, size.channels, out.D);
  sum_tiles(partial.weights, in.batch, partial.weight_rows, size.states + 1, 1, size.channels, out.dt_bias);
}

}  // namespace cobra
