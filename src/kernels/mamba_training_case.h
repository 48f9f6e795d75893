// What the tests of training's operators share: rows that are slices of wider rows, shapes, and the way from
// rows to tiles in double precision and back.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/fail.h"
#include "compare.h"
#include "kernels/channel_stripe.h"
#include "kernels/kernel_case.h"
#include "kernels/kernels.h"
#include "kernels/mamba_training.h"
#include "kernels/reference_mamba.h"

namespace cobra::testing {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// Rows between columns that nobody may touch.
class Rows {
 public:
  Rows(int64_t rows, int64_t cols, Floats values = {})
      : rows_(rows), cols_(cols), data_(static_cast<size_t>(rows * stride()), kMargin) {
    for (int64_t i = 0; i < std::ssize(values); ++i)
      data_[static_cast<size_t>(i / cols * stride() + kLeft + i % cols)] = values[static_cast<size_t>(i)];
  }
  static Rows random(int64_t rows, int64_t cols, uint32_t seed, float scale = 1.0f) {
    return {rows, cols, random_values(rows * cols, seed, scale)};
  }
  TensorView<float> view() { return {data_.data() + kLeft, rows_, cols_, stride()}; }
  TensorView<const float> view() const { return {data_.data() + kLeft, rows_, cols_, stride()}; }
  /// Values row by row; fails where a margin was written.
  Floats values() const {
    Floats result;
    for (int64_t i = 0; i < std::ssize(data_); ++i) {
      const int64_t col = i % stride() - kLeft;
      if (col >= 0 && col < cols_) {
        result.push_back(data_[static_cast<size_t>(i)]);
      } else {
        EXPECT_EQ(data_[static_cast<size_t>(i)], kMargin) << "written beside the rows";
      }
    }
    return result;
  }

 private:
  static constexpr int64_t kLeft = 3, kRight = 2;
  static constexpr float kMargin = -77.0f;
  int64_t stride() const { return kLeft + cols_ + kRight; }
  int64_t rows_, cols_;
  Floats data_;
};

struct Shape {
  int64_t batch, L, channels;
  int depth;  // states or taps

  std::string name() const {
    return fmt::format("batch {}, L {}, channels {}, states or taps {}", batch, L, channels, depth);
  }
};

inline constexpr Shape kShapes[] = {{1, 1, 1, 1},   {1, 3, 16, 4},    {2, 64, 24, 3},
                                    {3, 65, 70, 4}, {1, 130, 130, 2}, {2, 128, 64, 8}};

/// Tile `tile` of a sequence's rows as doubles [L][16].
inline Doubles tile_of(TensorView<const float> rows, const Shape& s, int64_t sequence, int64_t tile) {
  Doubles values(static_cast<size_t>(s.L * kTileChannels));
  for (int64_t t = 0; t < s.L; ++t) {
    for (int64_t c = 0; c < std::min<int64_t>(kTileChannels, s.channels - tile * kTileChannels); ++c)
      values[static_cast<size_t>(t * kTileChannels + c)] = rows(sequence * s.L + t, tile * kTileChannels + c);
  }
  return values;
}

/// Tile `tile` of weights [channels, depth] as doubles [depth][16].
inline Doubles weights_of(const Floats& values, const Shape& s, int64_t depth, int64_t tile) {
  const AlignedBuffer<float> tiled = tile_weights(values.data(), s.channels, depth);
  const float* first = tiled.data() + tile * depth * kTileChannels;
  return {first, first + depth * kTileChannels};
}

/// Adds tile values [steps][16] to rows (as `to`) [*, channels] from `row` on, or to weights [channels,
/// depth].
inline void add_rows(const Doubles& tile_values, const Shape& s, int64_t row, int64_t tile, Doubles& to) {
  for (int64_t i = 0; i < std::ssize(tile_values); ++i) {
    const int64_t c = tile * kTileChannels + i % kTileChannels;
    if (c < s.channels)
      to[static_cast<size_t>((row + i / kTileChannels) * s.channels + c)] +=
          tile_values[static_cast<size_t>(i)];
  }
}

inline void add_weights(const Doubles& tile_values, const Shape& s, int64_t depth, int64_t tile,
                        Doubles& to) {
  for (int64_t i = 0; i < std::ssize(tile_values); ++i) {
    const int64_t c = tile * kTileChannels + i % kTileChannels;
    if (c < s.channels)
      to[static_cast<size_t>(c * depth + i / kTileChannels)] += tile_values[static_cast<size_t>(i)];
  }
}

/// Rows [L, channels] as tiles [tile][L][16], and back: what the inference kernels take.
inline AlignedBuffer<float> to_tiles(TensorView<const float> rows) {
  AlignedBuffer<float> tiled(TiledView<float>::size(rows.rows, rows.cols));
  for (int64_t t = 0; t < rows.rows; ++t) {
    for (int64_t c = 0; c < rows.cols; ++c)
      tiled[(c / kTileChannels * rows.rows + t) * kTileChannels + c % kTileChannels] = rows(t, c);
  }
  return tiled;
}

inline void append_rows(const AlignedBuffer<float>& tiled, int64_t L, int64_t channels, Floats& out) {
  for (int64_t t = 0; t < L; ++t) {
    for (int64_t c = 0; c < channels; ++c)
      out.push_back(tiled[(c / kTileChannels * L + t) * kTileChannels + c % kTileChannels]);
  }
}

/// Float32 sums over rows and channels: some rounding of the largest value.
inline void expect_near(const char* name, const Floats& actual, const Doubles& expected) {
  const Floats rounded(expected.begin(), expected.end());
  EXPECT_TRUE(relative_error(actual, rounded) <= 4e-6) << name << ": " << relative_error(actual, rounded);
}

}  // namespace cobra::testing
