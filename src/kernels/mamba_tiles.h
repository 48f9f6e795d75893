// What the kernels of Mamba's convolution and scan take: one tile of 16 channels over time, forward and
// backward. T is float; the reference also runs in double, which is how its gradients are checked.
#pragma once

#include <cstdint>

namespace cobra {

inline constexpr int kTileChannels = 16;
inline constexpr int kMaxConvTaps = 8;
/// Most steps that one call of a backward kernel takes: what it keeps of them fits the cache.
inline constexpr int64_t kBackwardSteps = 64;

/// `causal_conv1d_silu`: x[t] = silu(bias + sum_j weight[j] * x[t - taps + 1 + j]), in place.
/// Source: Mamba (arXiv 2312.00752) figure 3; mamba_ssm's `causal_conv1d_fn`.
template <typename T>
struct BasicConvTile {
  int64_t L;
  int taps;         // d_conv, <= kMaxConvTaps
  const T* weight;  // [taps][16]
  const T* bias;    // [16]
  T* state;         // [taps][16], the last inputs, oldest first; read and updated
  T* x;             // [L][16]
};

/// `selective_scan`. Source: Mamba, algorithm 2 with the discretisation of mamba_ssm's selective_scan_ref
/// (delta_softplus=True):
///   dt = softplus(dt_raw + dt_bias);  h = exp(dt A) h + dt B x;  y = (C h + D x) * silu(z)
template <typename T>
struct BasicScanTile {
  int64_t L;
  int states;   // d_state
  const T* x;   // [L][16]
  const T* dt;  // [L][16], before bias and softplus
  const T* z;   // [L][16]
  const T* B;   // [L][ld_bc], `states` values a row
  const T* C;   // [L][ld_bc]
  int64_t ld_bc;
  const T* A;        // [states][16], negative
  const T* D;        // [16]
  const T* dt_bias;  // [16]
  T* state;          // [states][16], read and updated
  T* y;              // [L][16]; may be x, dt or z
};

/// `causal_conv1d_silu_backward`, over L <= kBackwardSteps steps; a longer sequence goes from its last block
/// to its first and hands `carry` on. With s the sum inside silu and ds = dy * silu'(s):
///   dx[t] = sum_j weight[j] * ds[t + taps - 1 - j];  dweight[j] = sum_t ds[t] * x[t - taps + 1 + j]
template <typename T>
struct BasicConvBackwardTile {
  int64_t L;
  int taps;
  const T* weight;  // [taps][16]
  const T* bias;    // [16]
  const T* x;       // [taps - 1 + L][16]: these steps' inputs after the taps - 1 before them
  const T* dy;      // [L][16]
  T* carry;         // [taps - 1][16]: ds of the steps after these; replaced by ds of these first steps
  T* dx;            // [L][16]; may be dy
  T* dweight;       // [taps][16], added to
  T* dbias;         // [16], added to
};

/// `selective_scan_backward`, over L <= kBackwardSteps steps; a longer sequence goes from its last block to
/// its first and hands `dstate` on. States are computed again from the one before the block. With g = dy *
/// silu(z) and dh the gradient of h, from the last step to the first:
///   dh += C g;  dC = sum_c h g;  dB = sum_c dh dt x;  u = dh exp(dt A) h_before;  dh = dh exp(dt A)
///   dA = sum_t u dt;  ddt = sum_n u A + dh B x;  dx = D g + dt sum_n dh B;  dD = sum_t g x
template <typename T>
struct BasicScanBackwardTile {
  int64_t L;
  int states;
  const T* x;   // [L][16]
  const T* dt;  // [L][16], before bias and softplus
  const T* z;   // [L][16]
  const T* B;   // [L][ld_bc]
  const T* C;   // [L][ld_bc]
  int64_t ld_bc;
  const T* A;        // [states][16]
  const T* D;        // [16]
  const T* dt_bias;  // [16]
  const T* state;    // [states][16], before the first step
  const T* dy;       // [L][16]
  T* dstate;         // [states][16]: gradient of the state after the last step; replaced by that of `state`
  T* dx;             // [L][16]; may be any of x, dt, z, dy, as may the next two
  T* ddt;            // [L][16], of dt before bias and softplus
  T* dz;             // [L][16]
  T* dB;             // [L][ld_dbc], added to: the sum over the 16 channels
  T* dC;             // [L][ld_dbc], added to
  int64_t ld_dbc;
  T* dA;        // [states][16], added to, as are the next two
  T* dD;        // [16]
  T* ddt_bias;  // [16]
};

using ConvTile = BasicConvTile<float>;
using ScanTile = BasicScanTile<float>;
using ConvBackwardTile = BasicConvBackwardTile<float>;
using ScanBackwardTile = BasicScanBackwardTile<float>;

}  // namespace cobra
