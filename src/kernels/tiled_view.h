// Channel tiles: activations over time with 16 channels side by side.
#pragma once

#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/rounding.h"

namespace cobra {

/// Values of `channels` channels over L steps, laid out [channels/16][L][16]; channels past the last are
/// padding that the kernels may read and write. For L = 1 this is the row-major layout of one row.
template <typename T>
struct TiledView {
  T* data = nullptr;
  int64_t L = 0;
  int64_t channels = 0;

  /// A view of mutable values is usable where one of constant values is wanted.
  operator TiledView<const T>() const { return {data, L, channels}; }  // NOLINT(google-explicit-constructor)

  int64_t tiles() const { return divide_up(channels, kTileChannels); }
  T* tile(int64_t i) const { return data + i * L * kTileChannels; }
  /// Values needed for the layout.
  static int64_t size(int64_t L, int64_t channels) {
    return divide_up(channels, kTileChannels) * L * kTileChannels;
  }
};

}  // namespace cobra
