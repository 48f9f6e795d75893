// The weights of Pillow's antialiased bicubic filter along one axis. Internal to the room.
// Source: Pillow's src/libImaging/Resample.c (what it computes, not its text).
#pragma once

#include <cstdint>
#include <vector>

namespace cobra {

/// Weights are integers with this many fraction bits.
inline constexpr int kWeightBits = 22;

/// One axis of a resize. The picture stands at `margin_before` on a canvas of `canvas_size`, which is scaled
/// to `scaled_size`, of which the positions [first, first + count) are wanted.
struct AxisGeometry {
  int64_t picture_size;
  int64_t margin_before;
  int64_t canvas_size;
  int64_t scaled_size;
  int64_t first;
  int64_t count;
};

/// What one output position is made of: picture positions [begin, end) with a weight each, and the weight of
/// all canvas positions outside the picture together. `begin` and `end` never decrease from one output to the
/// next.
struct AxisOutput {
  int begin = 0;
  int end = 0;
  int32_t margin_weight = 0;
};

struct ResampleAxis {
  explicit ResampleAxis(const AxisGeometry& geometry);

  std::vector<AxisOutput> outputs;
  int max_taps = 0;  // the largest end - begin
  /// [outputs, max_taps]; zeros after the last weight of an output.
  std::vector<int32_t> weights;

  const int32_t* weights_of(int64_t output) const { return weights.data() + output * max_taps; }
};

}  // namespace cobra
