// The reference of the convolution and the scan, forward and backward, one channel after the other as the
// formulas in mamba_tiles.h read. T is float or double; sums are in T as the official code's.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/mamba_tiles.h"

namespace cobra::reference {

template <typename T>
T sigmoid(T x) {
  return T{1} / (T{1} + std::exp(-x));
}

template <typename T>
T silu(T x) {
  return x / (T{1} + std::exp(-x));
}

template <typename T>
T silu_derivative(T x) {
  return sigmoid(x) * (T{1} + x * (T{1} - sigmoid(x)));
}

/// torch's softplus: linear above its threshold of 20.
template <typename T>
T softplus(T x) {
  return x > T{20} ? x : std::log1p(std::exp(x));
}

template <typename T>
void causal_conv1d_silu(const BasicConvTile<T>& tile) {
  for (int c = 0; c < kTileChannels; ++c) {
    for (int64_t t = 0; t < tile.L; ++t) {
      for (int j = 0; j + 1 < tile.taps; ++j) {
        tile.state[j * kTileChannels + c] = tile.state[(j + 1) * kTileChannels + c];
      }
      tile.state[(tile.taps - 1) * kTileChannels + c] = tile.x[t * kTileChannels + c];
      T sum = tile.bias[c];
      for (int j = 0; j < tile.taps; ++j)
        sum += tile.weight[j * kTileChannels + c] * tile.state[j * kTileChannels + c];
      tile.x[t * kTileChannels + c] = silu(sum);
    }
  }
}

template <typename T>
void selective_scan(const BasicScanTile<T>& tile) {
  for (int c = 0; c < kTileChannels; ++c) {
    for (int64_t t = 0; t < tile.L; ++t) {
      const int64_t at = t * kTileChannels + c;
      const T x = tile.x[at], z = tile.z[at];
      const T dt = softplus(tile.dt[at] + tile.dt_bias[c]);
      T y = 0;
      for (int n = 0; n < tile.states; ++n) {
        T& h = tile.state[n * kTileChannels + c];
        h = std::exp(dt * tile.A[n * kTileChannels + c]) * h + dt * tile.B[t * tile.ld_bc + n] * x;
        y += h * tile.C[t * tile.ld_bc + n];
      }
      tile.y[at] = (y + tile.D[c] * x) * silu(z);
    }
  }
}

template <typename T>
void causal_conv1d_silu_backward(const BasicConvBackwardTile<T>& tile) {
  const int before = tile.taps - 1;
  for (int c = 0; c < kTileChannels; ++c) {
    T ds[kBackwardSteps + kMaxConvTaps];  // of these steps, then of the `before` after them
    for (int j = 0; j < before; ++j) ds[tile.L + j] = tile.carry[j * kTileChannels + c];
    for (int64_t t = 0; t < tile.L; ++t) {
      T sum = tile.bias[c];
      for (int j = 0; j < tile.taps; ++j)
        sum += tile.weight[j * kTileChannels + c] * tile.x[(t + j) * kTileChannels + c];
      ds[t] = tile.dy[t * kTileChannels + c] * silu_derivative(sum);
      for (int j = 0; j < tile.taps; ++j)
        tile.dweight[j * kTileChannels + c] += ds[t] * tile.x[(t + j) * kTileChannels + c];
      tile.dbias[c] += ds[t];
    }
    for (int64_t t = 0; t < tile.L; ++t) {
      T sum = 0;
      for (int j = 0; j < tile.taps; ++j) sum += tile.weight[j * kTileChannels + c] * ds[t + before - j];
      tile.dx[t * kTileChannels + c] = sum;
    }
    for (int j = 0; j < before; ++j) tile.carry[j * kTileChannels + c] = ds[j];
  }
}

/// What one state of one channel adds to the gradients. `g` is dy * silu(z); y, ddt and dx [L] are added to.
template <typename T>
void scan_state_backward(const BasicScanBackwardTile<T>& tile, int c, int n, const T* dt, const T* g, T* y,
                         T* ddt, T* dx) {
  const int64_t at = n * kTileChannels + c;
  const T A = tile.A[at];
  T h[kBackwardSteps + 1];  // h[t] is before step t
  h[0] = tile.state[at];
  for (int64_t t = 0; t < tile.L; ++t) {
    const T x = tile.x[t * kTileChannels + c];
    h[t + 1] = std::exp(dt[t] * A) * h[t] + dt[t] * tile.B[t * tile.ld_bc + n] * x;
    y[t] += tile.C[t * tile.ld_bc + n] * h[t + 1];
  }
  T dh = tile.dstate[at];
  for (int64_t t = tile.L - 1; t >= 0; --t) {
    const T x = tile.x[t * kTileChannels + c], B = tile.B[t * tile.ld_bc + n], decay = std::exp(dt[t] * A);
    dh += tile.C[t * tile.ld_bc + n] * g[t];
    tile.dC[t * tile.ld_dbc + n] += h[t + 1] * g[t];
    tile.dB[t * tile.ld_dbc + n] += dh * dt[t] * x;
    const T u = dh * decay * h[t];
    tile.dA[at] += u * dt[t];
    ddt[t] += u * A + dh * B * x;
    dx[t] += dh * dt[t] * B;
    dh *= decay;
  }
  tile.dstate[at] = dh;
}

template <typename T>
void selective_scan_backward(const BasicScanBackwardTile<T>& tile) {
  for (int c = 0; c < kTileChannels; ++c) {
    T dt[kBackwardSteps], g[kBackwardSteps], y[kBackwardSteps], ddt[kBackwardSteps], dx[kBackwardSteps];
    for (int64_t t = 0; t < tile.L; ++t) {
      const int64_t at = t * kTileChannels + c;
      dt[t] = softplus(tile.dt[at] + tile.dt_bias[c]);
      g[t] = tile.dy[at] * silu(tile.z[at]);
      y[t] = tile.D[c] * tile.x[at];
      ddt[t] = 0;
      dx[t] = tile.D[c] * g[t];
    }
    for (int n = 0; n < tile.states; ++n) scan_state_backward(tile, c, n, dt, g, y, ddt, dx);
    for (int64_t t = 0; t < tile.L; ++t) {
      const int64_t at = t * kTileChannels + c;
      const T x = tile.x[at], z = tile.z[at], dy = tile.dy[at];
      const T raw = tile.dt[at] + tile.dt_bias[c], ddt_raw = ddt[t] * sigmoid(raw);
      tile.dD[c] += g[t] * x;
      tile.ddt_bias[c] += ddt_raw;
      tile.dx[at] = dx[t];
      tile.ddt[at] = ddt_raw;
      tile.dz[at] = dy * y[t] * silu_derivative(z);
    }
  }
}

}  // namespace cobra::reference
