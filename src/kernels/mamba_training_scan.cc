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

class ScanBackward {
 public:
  ScanBackward(const KernelTable& table, const ScanOperands& in, const float* checkpoints,
               TensorView<const float> dy, const ScanGradients& out)
      : table_(table),
        in_(in),
        w_(in),
        size_(in),
        checkpoints_(checkpoints),
        dy_(dy),
        out_(out),
        dstates_(in.batch * size_.sequence_state),
        dweights_(in.batch * tiles_of(size_.channels) * weight_rows() * kTileChannels),
        dbc_(AlignedBuffer<float>::uninitialized(stripes_of(size_.channels) * in.batch * in.L * 2 *
                                                 size_.states)) {}

  /// The blocks of a stripe, from the last to the first.
  void run_stripe(int64_t sequence, const Stripe& stripe) {
    Activations at;
    alignas(64) Block dy;
    for (int64_t block = blocks_of(in_.L) - 1; block >= 0; --block) {
      const int64_t begin = block * kBlockSteps, steps = std::min(kBlockSteps, in_.L - begin),
                    row = sequence * in_.L + begin;
      at.load(in_, row, steps, stripe);
      stripe.load(dy_.slice_rows(row, steps), dy.data(), kTileBlock);
      std::fill_n(dbc(stripe.index(), row), steps * 2 * size_.states, 0.0f);
      for (int64_t i = 0; i < stripe.tiles; ++i) {
        run_tile(sequence, block, stripe.first_tile + i, steps, dbc(stripe.index(), row),
                 dy.data() + i * kTileBlock, at.x.data() + i * kTileBlock, at.dt.data() + i * kTileBlock,
                 at.z.data() + i * kTileBlock);
      }
      stripe.store(at.x.data(), kTileBlock, out_.x.slice_rows(row, steps));
      stripe.store(at.dt.data(), kTileBlock, out_.dt.slice_rows(row, steps));
      stripe.store(at.z.data(), kTileBlock, out_.z.slice_rows(row, steps));
    }
  }

  /// Adds up what stripes and sequences share.
  void finish(int threads) {
    parallel_ranges(threads, in_.batch * in_.L, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) sum_stripes(row);
    });
    const int64_t states = size_.states, rows = weight_rows();
    sum_tiles(dweights_, in_.batch, rows, 0, states, size_.channels, out_.A);
    sum_tiles(dweights_, in_.batch, rows, states, 1, size_.channels, out_.D);
    sum_tiles(dweights_, in_.batch, rows, states + 1, 1, size_.channels, out_.dt_bias);
  }

 private:
  const KernelTable& table_;
  const ScanOperands& in_;
  const TiledScan w_;
  const Sizes size_;
  const float* checkpoints_;
  const TensorView<const float> dy_;
  const ScanGradients& out_;
  AlignedBuffer<float> dstates_;   // [batch][tile][states][16]
  AlignedBuffer<float> dweights_;  // [batch][tile][weight_rows][16]
  AlignedBuffer<float> dbc_;       // [stripe][batch * L][2 states]: dB | dC

  /// The states of dA, then dD, then ddt_bias.
  int64_t weight_rows() const { return size_.states + 2; }
  float* dbc(int64_t stripe, int64_t row) {
    return dbc_.data() + (stripe * in_.batch * in_.L + row) * 2 * size_.states;
  }

  /// x, dt and z become their gradients.
  void run_tile(int64_t sequence, int64_t block, int64_t tile, int64_t steps, float* dbc, const float* dy,
                float* x, float* dt, float* z) {
    const int64_t row = sequence * in_.L + block * kBlockSteps, state = tile * size_.tile_state,
                  channel = tile * kTileChannels;
    float* dweights =
        dweights_.data() + (sequence * tiles_of(size_.channels) + tile) * weight_rows() * kTileChannels;
    table_.selective_scan_backward({.L = steps,
                                    .states = static_cast<int>(size_.states),
                                    .x = x,
                                    .dt = dt,
                                    .z = z,
                                    .B = in_.B.row(row),
                                    .C = in_.C.row(row),
                                    .ld_bc = in_.B.stride,
                                    .A = w_.A.data() + state,
                                    .D = w_.D.data() + channel,
                                    .dt_bias = w_.dt_bias.data() + channel,
                                    .state = checkpoints_ + size_.checkpoint(in_, sequence, block) + state,
                                    .dy = dy,
                                    .dstate = dstates_.data() + sequence * size_.sequence_state + state,
                                    .dx = x,
                                    .ddt = dt,
                                    .dz = z,
                                    .dB = dbc,
                                    .dC = dbc + size_.states,
                                    .ld_dbc = 2 * size_.states,
                                    .dA = dweights,
                                    .dD = dweights + size_.tile_state,
                                    .ddt_bias = dweights + size_.tile_state + kTileChannels});
  }

  void sum_stripes(int64_t row) {
    float *dB = out_.B.row(row), *dC = out_.C.row(row);
    std::fill_n(dB, size_.states, 0.0f);
    std::fill_n(dC, size_.states, 0.0f);
    for (int64_t stripe = 0; stripe < stripes_of(size_.channels); ++stripe) {
      const float* part = dbc(stripe, row);
      for (int64_t n = 0; n < size_.states; ++n) dB[n] += part[n];
      for (int64_t n = 0; n < size_.states; ++n) dC[n] += part[size_.states + n];
    }
  }
};

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
  ScanBackward backward(table, in, checkpoints, dy, out);
  const int64_t stripes = stripes_of(in.x.cols);
  parallel_for(threads, in.batch * stripes, [&](int64_t task, int) {
    backward.run_stripe(task / stripes, Stripe(task % stripes, in.x.cols));
  });
  backward.finish(threads);
}

}  // namespace cobra
