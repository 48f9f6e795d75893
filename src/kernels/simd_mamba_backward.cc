// Gradients of the causal convolution and the selective scan over tiles of 16 channels, channels in vector
// lanes. Formulas: mamba_tiles.h; order of work: docs/design/kernels.md.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_mamba_backward.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <cstring>

#include "kernels/simd_math-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

using F = hn::CappedTag<float, kTileChannels>;
using V = hn::Vec<F>;

constexpr int kChannels = kTileChannels;
constexpr int64_t kLanes = hn::MaxLanes(F());
constexpr int64_t kBlock = kBackwardSteps * kChannels;
constexpr float kLn2 = 0.693147181f;

/// silu'(x) for s = sigmoid(x): s (1 + x (1 - s)).
HWY_INLINE V silu_derivative(F d, V x, V s) {
  const V one = hn::Set(d, 1.0f);
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

HWY_INLINE void accumulate(F d, V value, float* sum) {
  hn::StoreU(hn::Add(hn::LoadU(d, sum), value), d, sum);
}

/// ds of a vector of channels, into `ds` [L][16] at c, with what it adds to dweight and dbias.
void conv_sums_backward(const ConvBackwardTile& tile, int64_t c, float* ds) {
  const F d;
  const V bias = hn::LoadU(d, tile.bias + c);
  V dbias = hn::Zero(d), dweight[kMaxConvTaps];
  for (int j = 0; j < tile.taps; ++j) dweight[j] = hn::Zero(d);
  for (int64_t t = 0; t < tile.L; ++t) {
    const float* inputs = tile.x + t * kChannels + c;
    V sum = bias;
    for (int j = 0; j < tile.taps; ++j) {
      sum = hn::MulAdd(hn::LoadU(d, tile.weight + j * kChannels + c), hn::LoadU(d, inputs + j * kChannels),
                       sum);
    }
    const V dy = hn::LoadU(d, tile.dy + t * kChannels + c);
    const V dsum = hn::Mul(dy, silu_derivative(d, sum, sigmoid(d, sum)));
    hn::StoreU(dsum, d, ds + t * kChannels + c);
    dbias = hn::Add(dbias, dsum);
    for (int j = 0; j < tile.taps; ++j)
      dweight[j] = hn::MulAdd(dsum, hn::LoadU(d, inputs + j * kChannels), dweight[j]);
  }
  accumulate(d, dbias, tile.dbias + c);
  for (int j = 0; j < tile.taps; ++j) accumulate(d, dweight[j], tile.dweight + j * kChannels + c);
}

void causal_conv1d_silu_backward(const ConvBackwardTile& tile) {
  const F d;
  const int before = tile.taps - 1;
  const auto carry_bytes = static_cast<size_t>(before * kChannels) * sizeof(float);
  HWY_ALIGN float ds[kBlock + kMaxConvTaps * kChannels];  // of these steps, then of those after them
  std::memcpy(ds + tile.L * kChannels, tile.carry, carry_bytes);
  for (int64_t c = 0; c < kChannels; c += kLanes) conv_sums_backward(tile, c, ds);
  for (int64_t i = 0; i < tile.L * kChannels; i += kLanes) {
    V sum = hn::Zero(d);
    for (int j = 0; j < tile.taps; ++j) {
      sum = hn::MulAdd(hn::LoadU(d, tile.weight + j * kChannels + i % kChannels),
                       hn::LoadU(d, ds + i + (before - j) * kChannels), sum);
    }
    hn::StoreU(sum, d, tile.dx + i);
  }
  std::memcpy(tile.carry, ds, carry_bytes);
}

/// Sum of a vector's blocks of four lanes.
template <class D>
HWY_INLINE auto add_blocks([[maybe_unused]] D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    return add_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    return v;
  }
}

/// Adds the sum over lanes of each of four vectors to out[0..3].
HWY_INLINE void add_lane_sums(F d, const V (&v)[4], float* out) {
  const hn::Repartition<uint64_t, F> pairs;
  const hn::CappedTag<float, 4> four;
  const V low = hn::Add(hn::InterleaveLower(d, v[0], v[1]), hn::InterleaveUpper(d, v[0], v[1]));
  const V high = hn::Add(hn::InterleaveLower(d, v[2], v[3]), hn::InterleaveUpper(d, v[2], v[3]));
  const auto p = hn::BitCast(pairs, low), q = hn::BitCast(pairs, high);
  // Each block of four lanes now sums its own lanes of v[0], v[1], v[2], v[3].
  const V sums = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, p, q)),
                         hn::BitCast(d, hn::InterleaveUpper(pairs, p, q)));
  hn::StoreU(hn::Add(hn::LoadU(four, out), add_blocks(d, sums)), four, out);
}

HWY_INLINE void add_lane_sums(F d, const V (&v)[1], float* out) {
  *out += hn::GetLane(hn::SumOfLanes(d, v[0]));
}

/// A tile's values that all states share, [L][16].
struct ScanBlock {
  HWY_ALIGN float dt[kBlock];    // after softplus
  HWY_ALIGN float dt_x[kBlock];  // dt x
  HWY_ALIGN float g[kBlock];     // dy silu(z)
  HWY_ALIGN float y[kBlock];     // D x + sum_n C h
  HWY_ALIGN float u_a[kBlock];   // sum_n u A log2(e)
  HWY_ALIGN float dh_b[kBlock];  // sum_n dh B
};

void begin_block(const ScanBackwardTile& tile, ScanBlock& block) {
  const F d;
  for (int64_t i = 0; i < tile.L * kChannels; i += kLanes) {
    const V dt = softplus(d, hn::Add(hn::LoadU(d, tile.dt + i), hn::LoadU(d, tile.dt_bias + i % kChannels)));
    const V x = hn::LoadU(d, tile.x + i), z = hn::LoadU(d, tile.z + i);
    hn::Store(dt, d, block.dt + i);
    hn::Store(hn::Mul(dt, x), d, block.dt_x + i);
    hn::Store(hn::Mul(hn::LoadU(d, tile.dy + i), hn::Mul(z, sigmoid(d, z))), d, block.g + i);
    hn::Store(hn::Mul(x, hn::LoadU(d, tile.D + i % kChannels)), d, block.y + i);
    hn::Store(hn::Zero(d), d, block.u_a + i);
    hn::Store(hn::Zero(d), d, block.dh_b + i);
  }
}

/// kStates states of one vector of channels over a block.
template <int kStates>
struct ScanStates {
  V a[kStates];  // A log2(e)
  V h[kStates];  // the state; after `forward`, the last one
  HWY_ALIGN float before[kBackwardSteps][kStates][kLanes];
  HWY_ALIGN float decay[kBackwardSteps][kStates][kLanes];  // exp(dt A)

  // Left uninitialised. Written out because GCC compiles an implicit one for the baseline instruction set,
  // where NEON's vectors cannot be made.
  HWY_INLINE ScanStates() {}

  HWY_INLINE void forward(const ScanBackwardTile& tile, int first_state, int64_t c, ScanBlock& block) {
    const F d;
    for (int n = 0; n < kStates; ++n) {
      const int64_t at = (first_state + n) * kChannels + c;
      a[n] = hn::Mul(hn::LoadU(d, tile.A + at), hn::Set(d, kLog2E));
      h[n] = hn::LoadU(d, tile.state + at);
    }
    for (int64_t t = 0; t < tile.L; ++t) {
      const float* B = tile.B + t * tile.ld_bc + first_state;
      const float* C = tile.C + t * tile.ld_bc + first_state;
      const V dt = hn::Load(d, block.dt + t * kChannels + c);
      const V input = hn::Load(d, block.dt_x + t * kChannels + c);
      V y = hn::Load(d, block.y + t * kChannels + c);
      for (int n = 0; n < kStates; ++n) {
        const V factor = exp2_product<true>(d, dt, a[n]);
        hn::Store(factor, d, decay[t][n]);
        hn::Store(h[n], d, before[t][n]);
        h[n] = hn::MulAdd(factor, h[n], hn::Mul(input, hn::Set(d, B[n])));
        y = hn::MulAdd(h[n], hn::Set(d, C[n]), y);
      }
      hn::Store(y, d, block.y + t * kChannels + c);
    }
  }

  HWY_INLINE void backward(const ScanBackwardTile& tile, int first_state, int64_t c, ScanBlock& block) {
    const F d;
    V dh[kStates], da[kStates];
    for (int n = 0; n < kStates; ++n) {
      dh[n] = hn::LoadU(d, tile.dstate + (first_state + n) * kChannels + c);
      da[n] = hn::Zero(d);
    }
    for (int64_t t = tile.L - 1; t >= 0; --t) {
      const int64_t at = t * kChannels + c;
      const float* B = tile.B + t * tile.ld_bc + first_state;
      const float* C = tile.C + t * tile.ld_bc + first_state;
      const V dt = hn::Load(d, block.dt + at), input = hn::Load(d, block.dt_x + at);
      const V g = hn::Load(d, block.g + at);
      V u_a = hn::Load(d, block.u_a + at), dh_b = hn::Load(d, block.dh_b + at), dB[kStates], dC[kStates];
      for (int n = 0; n < kStates; ++n) {
        dh[n] = hn::MulAdd(g, hn::Set(d, C[n]), dh[n]);
        dC[n] = hn::Mul(g, h[n]);
        dB[n] = hn::Mul(dh[n], input);
        dh_b = hn::MulAdd(dh[n], hn::Set(d, B[n]), dh_b);
        dh[n] = hn::Mul(dh[n], hn::Load(d, decay[t][n]));
        h[n] = hn::Load(d, before[t][n]);
        const V u = hn::Mul(dh[n], h[n]);
        u_a = hn::MulAdd(u, a[n], u_a);
        da[n] = hn::MulAdd(u, dt, da[n]);
      }
      hn::Store(u_a, d, block.u_a + at);
      hn::Store(dh_b, d, block.dh_b + at);
      add_lane_sums(d, dB, tile.dB + t * tile.ld_dbc + first_state);
      add_lane_sums(d, dC, tile.dC + t * tile.ld_dbc + first_state);
    }
    for (int n = 0; n < kStates; ++n) {
      const int64_t at = (first_state + n) * kChannels + c;
      hn::StoreU(dh[n], d, tile.dstate + at);
      accumulate(d, da[n], tile.dA + at);
    }
  }
};

template <int kStates>
void scan_states_backward(const ScanBackwardTile& tile, int first_state, int64_t c, ScanBlock& block) {
  ScanStates<kStates> states;
  states.forward(tile, first_state, c, block);
  states.backward(tile, first_state, c, block);
}

void end_block(const ScanBackwardTile& tile, const ScanBlock& block) {
  const F d;
  for (int64_t c = 0; c < kChannels; c += kLanes) {
    const V D = hn::LoadU(d, tile.D + c), bias = hn::LoadU(d, tile.dt_bias + c);
    V dD = hn::Zero(d), dbias = hn::Zero(d);
    for (int64_t i = c; i < tile.L * kChannels; i += kChannels) {
      const V x = hn::LoadU(d, tile.x + i), z = hn::LoadU(d, tile.z + i), dy = hn::LoadU(d, tile.dy + i);
      const V raw = hn::Add(hn::LoadU(d, tile.dt + i), bias);
      const V g = hn::Load(d, block.g + i), dh_b = hn::Load(d, block.dh_b + i);
      const V ddt = hn::MulAdd(dh_b, x, hn::Mul(hn::Load(d, block.u_a + i), hn::Set(d, kLn2)));
      const V ddt_raw = hn::Mul(ddt, sigmoid(d, raw));
      dD = hn::MulAdd(g, x, dD);
      dbias = hn::Add(dbias, ddt_raw);
      hn::StoreU(hn::MulAdd(D, g, hn::Mul(hn::Load(d, block.dt + i), dh_b)), d, tile.dx + i);
      hn::StoreU(ddt_raw, d, tile.ddt + i);
      const V gate = silu_derivative(d, z, sigmoid(d, z));
      hn::StoreU(hn::Mul(hn::Mul(dy, hn::Load(d, block.y + i)), gate), d, tile.dz + i);
    }
    accumulate(d, dD, tile.dD + c);
    accumulate(d, dbias, tile.ddt_bias + c);
  }
}

void selective_scan_backward(const ScanBackwardTile& tile) {
  ScanBlock block;
  begin_block(tile, block);
  for (int64_t c = 0; c < kChannels; c += kLanes) {
    int n = 0;
    for (; n + 4 <= tile.states; n += 4) scan_states_backward<4>(tile, n, c, block);
    for (; n < tile.states; ++n) scan_states_backward<1>(tile, n, c, block);
  }
  end_block(tile, block);
}

}  // namespace

static void add_to(KernelTable& table) {
  table.causal_conv1d_silu_backward = causal_conv1d_silu_backward;
  table.selective_scan_backward = selective_scan_backward;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
COBRA_DEFINE_ADD_KERNELS(add_mamba_backward_kernels)
#endif
