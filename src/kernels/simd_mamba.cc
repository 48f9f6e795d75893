// Causal convolution and selective scan over tiles of 16 channels, channels in vector lanes.
// Layout and fast exponential: docs/design/kernels.md.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd_mamba.cc"
#include "kernels/simd_target.h"
// clang-format off
#include <hwy/foreach_target.h>
// clang-format on
#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/simd_math-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace cobra {
namespace HWY_NAMESPACE {
namespace {

using F = hn::CappedTag<float, kTileChannels>;
using V = hn::Vec<F>;

/// Steps handled at once, so that a tile's rows stay in the first-level cache between the passes.
constexpr int64_t kSteps = 64;
constexpr int kChannels = kTileChannels;
constexpr int64_t kFewSteps = 16;

void causal_conv1d_silu(const ConvTile& tile) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto state_bytes = static_cast<size_t>(tile.taps) * kChannels * sizeof(float);
  HWY_ALIGN float window[(kMaxConvTaps + kSteps) * kChannels];  // the state's inputs, then this block's
  std::memcpy(window, tile.state, state_bytes);
  for (int64_t begin = 0; begin < tile.L; begin += kSteps) {
    const int64_t steps = std::min(kSteps, tile.L - begin);
    float* x = tile.x + begin * kChannels;
    std::memcpy(window + tile.taps * kChannels, x, static_cast<size_t>(steps) * kChannels * sizeof(float));
    for (int64_t c = 0; c < kChannels; c += lanes) {
      const V bias = hn::LoadU(d, tile.bias + c);
      for (int64_t t = 0; t < steps; ++t) {
        const float* inputs = window + (t + 1) * kChannels + c;
        V sum = bias;
        for (int j = 0; j < tile.taps; ++j) {
          sum = hn::MulAdd(hn::LoadU(d, tile.weight + j * kChannels + c),
                           hn::LoadU(d, inputs + j * kChannels), sum);
        }
        hn::StoreU(silu(d, sum), d, x + t * kChannels + c);
      }
    }
    std::memmove(window, window + steps * kChannels, state_bytes);
  }
  std::memcpy(tile.state, window, state_bytes);
}

/// What the scan of a block of steps takes of its 16 channels, [steps][16].
struct ScanBlock {
  HWY_ALIGN float dt_log2[kSteps * kChannels];  // dt log2(e), after softplus
  HWY_ALIGN float dt_x[kSteps * kChannels];
  HWY_ALIGN float y[kSteps * kChannels];
};

/// kStates states of one vector of channels over a block of steps: h = exp(dt A) h + (dt x) B, y += C h. The
/// states stay in registers. Meanwhile the lines of as many steps from `coming` on are fetched. kDeep: as
/// exp2_product has it.
template <int kStates, bool kDeep>
HWY_INLINE void scan_states(const ScanTile& tile, int64_t begin, int64_t steps, int first_state, int64_t c,
                            const float* coming, ScanBlock& block) {
  const F d;
  V a[kStates], h[kStates];
  for (int n = 0; n < kStates; ++n) {
    a[n] = hn::LoadU(d, tile.A + (first_state + n) * kChannels + c);
    h[n] = hn::LoadU(d, tile.state + (first_state + n) * kChannels + c);
  }
  for (int64_t t = 0; t < steps; ++t) {
    const float* B = tile.B + (begin + t) * tile.ld_bc + first_state;
    const float* C = tile.C + (begin + t) * tile.ld_bc + first_state;
    const V step = hn::Load(d, block.dt_log2 + t * kChannels + c);
    const V input = hn::Load(d, block.dt_x + t * kChannels + c);
    V sum = hn::Load(d, block.y + t * kChannels + c);
    __builtin_prefetch(coming + t * kChannels);
    for (int n = 0; n < kStates; ++n) {
      h[n] = hn::MulAdd(exp2_product<kDeep>(d, step, a[n]), h[n], hn::Mul(input, hn::Set(d, B[n])));
      sum = hn::MulAdd(h[n], hn::Set(d, C[n]), sum);
    }
    hn::Store(sum, d, block.y + t * kChannels + c);
  }
  for (int n = 0; n < kStates; ++n) hn::StoreU(h[n], d, tile.state + (first_state + n) * kChannels + c);
}

template <bool kDeep>
HWY_INLINE void scan_block(const ScanTile& tile, int64_t begin, int64_t steps, ScanBlock& block) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(F()));
  // The next block's inputs, or the next tile's, which follows: each pass over the steps fetches one of them.
  const float* const inputs[] = {tile.x, tile.dt, tile.z};
  const auto coming = [&](int pass) { return inputs[pass % 3] + (begin + steps) * kChannels; };
  for (int64_t c = 0; c < kChannels; c += lanes) {
    int n = 0;
    for (; n + 4 <= tile.states; n += 4)
      scan_states<4, kDeep>(tile, begin, steps, n, c, coming(n / 4), block);
    for (; n < tile.states; ++n) scan_states<1, kDeep>(tile, begin, steps, n, c, coming(n), block);
  }
}

void selective_scan(const ScanTile& tile) {
  const F d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  // Looking for the largest |A| costs as much as it saves a few steps.
  const float decay = tile.L < kFewSteps ? std::numeric_limits<float>::infinity()
                                         : largest_magnitude(tile.A, tile.states * kChannels);
  ScanBlock block;
  for (int64_t begin = 0; begin < tile.L; begin += kSteps) {
    const int64_t steps = std::min(kSteps, tile.L - begin), offset = begin * kChannels;
    V longest = hn::Zero(d);
    for (int64_t i = 0; i < steps * kChannels; i += lanes) {
      const V bias = hn::LoadU(d, tile.dt_bias + i % kChannels);
      const V dt = softplus(d, hn::Add(hn::LoadU(d, tile.dt + offset + i), bias));
      const V dt_log2 = hn::Mul(dt, hn::Set(d, kLog2E));
      const V x = hn::LoadU(d, tile.x + offset + i);
      longest = hn::Max(longest, dt_log2);
      hn::Store(dt_log2, d, block.dt_log2 + i);
      hn::Store(hn::Mul(dt, x), d, block.dt_x + i);
      hn::Store(hn::Mul(x, hn::LoadU(d, tile.D + i % kChannels)), d, block.y + i);
    }
    const bool shallow = hn::GetLane(hn::MaxOfLanes(d, longest)) * decay <= -kExp2Depth;
    shallow ? scan_block<false>(tile, begin, steps, block) : scan_block<true>(tile, begin, steps, block);
    for (int64_t i = 0; i < steps * kChannels; i += lanes) {
      const V gate = silu(d, hn::LoadU(d, tile.z + offset + i));
      hn::StoreU(hn::Mul(hn::Load(d, block.y + i), gate), d, tile.y + offset + i);
    }
  }
}

}  // namespace

static void add_to(KernelTable& table) {
  table.causal_conv1d_silu = causal_conv1d_silu;
  table.selective_scan = selective_scan;
}

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace cobra
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
COBRA_DEFINE_ADD_KERNELS(add_mamba_kernels)
#endif
