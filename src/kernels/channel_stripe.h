// Moving between row-major activations and channel tiles. A stripe is a few neighbouring tiles over a block
// of steps: wide enough that a row gives whole runs of cache lines, small enough to stay in cache.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/aligned_buffer.h"
#include "cobra/tensor_view.h"
#include "kernels/mamba_tiles.h"
#include "kernels/rounding.h"

namespace cobra {

inline constexpr int64_t kStripeTiles = 8;
inline constexpr int64_t kBlockSteps = kBackwardSteps;
/// Values of one tile over a block of steps.
inline constexpr int64_t kTileBlock = kBlockSteps * kTileChannels;

inline int64_t tiles_of(int64_t channels) { return divide_up(channels, kTileChannels); }
inline int64_t stripes_of(int64_t channels) { return divide_up(tiles_of(channels), kStripeTiles); }
inline int64_t blocks_of(int64_t L) { return divide_up(L, kBlockSteps); }

/// The tiles [first_tile, first_tile + tiles) of a matrix with `channels` columns.
struct Stripe {
  int64_t first_tile, tiles, channels;

  Stripe(int64_t index, int64_t channels_)
      : first_tile(index * kStripeTiles),
        tiles(std::min(kStripeTiles, tiles_of(channels_) - first_tile)),
        channels(channels_) {}

  int64_t index() const { return first_tile / kStripeTiles; }

  /// Channels that tile i of the stripe really has; the rest of its 16 are padding.
  int64_t width(int64_t i) const {
    return std::min<int64_t>(kTileChannels, channels - (first_tile + i) * kTileChannels);
  }

  /// rows [steps, channels] to tiles `ld` apart; padding is zero.
  void load(TensorView<const float> rows, float* out, int64_t ld) const {
    for (int64_t r = 0; r < rows.rows; ++r) {
      const float* from = rows.row(r) + first_tile * kTileChannels;
      for (int64_t i = 0; i < tiles; ++i) {
        float* to = out + i * ld + r * kTileChannels;
        if (width(i) == kTileChannels) {
          std::memcpy(to, from + i * kTileChannels, kTileChannels * sizeof(float));
        } else {
          for (int64_t c = 0; c < kTileChannels; ++c)
            to[c] = c < width(i) ? from[i * kTileChannels + c] : 0.0f;
        }
      }
    }
  }

  /// The way back; padding is left out.
  void store(const float* from, int64_t ld, TensorView<float> rows) const {
    for (int64_t r = 0; r < rows.rows; ++r) {
      float* to = rows.row(r) + first_tile * kTileChannels;
      for (int64_t i = 0; i < tiles; ++i) {
        const float* values = from + i * ld + r * kTileChannels;
        if (width(i) == kTileChannels) {
          std::memcpy(to + i * kTileChannels, values, kTileChannels * sizeof(float));
        } else {
          std::copy(values, values + width(i), to + i * kTileChannels);
        }
      }
    }
  }
};

/// Weights [channels, depth] as tiles [tile][depth][16], padding zero.
inline AlignedBuffer<float> tile_weights(const float* values, int64_t channels, int64_t depth) {
  AlignedBuffer<float> tiled(tiles_of(channels) * depth * kTileChannels);
  for (int64_t c = 0; c < channels; ++c) {
    float* tile = tiled.data() + c / kTileChannels * depth * kTileChannels + c % kTileChannels;
    for (int64_t i = 0; i < depth; ++i) tile[i * kTileChannels] = values[c * depth + i];
  }
  return tiled;
}

/// The sum over `parts` of tiles [part][tile][ld][16], of which `depth` rows from `first` on are [channels,
/// depth] in `out`.
inline void sum_tiles(const AlignedBuffer<float>& tiled, int64_t parts, int64_t ld, int64_t first,
                      int64_t depth, int64_t channels, float* out) {
  const int64_t part_size = tiles_of(channels) * ld * kTileChannels;
  for (int64_t c = 0; c < channels; ++c) {
    const float* tile = tiled.data() + (c / kTileChannels * ld + first) * kTileChannels + c % kTileChannels;
    for (int64_t i = 0; i < depth; ++i) {
      float sum = 0.0f;
      for (int64_t part = 0; part < parts; ++part) sum += tile[part * part_size + i * kTileChannels];
      out[c * depth + i] = sum;
    }
  }
}

}  // namespace cobra
