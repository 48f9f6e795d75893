// Finding the grid of a sub-block of a K format: step and offset by weighted least squares over candidates.
//
// A grid stands for values  step * q - offset  with codes q of a small range. For fixed codes the best step
// and offset solve a 2 x 2 linear system; for a fixed grid the best codes are the nearest ones. So each
// candidate grid is rounded to codes, refitted, and judged by its gain (the error it takes away); the best is
// then improved by alternating. Weights: rms of the sub-block + |x|. Without data on activations a large
// weight is taken to matter more. Constant trip counts and eight partial sums let the compiler use vectors.
#pragma once

#include <cmath>

namespace cobra {

struct CodeRange {
  float low, high;
};

struct Grid {
  float step = 0.0f;
  float offset = 0.0f;
};

/// Below this spread a sub-block counts as constant: the smallest positive half is 6e-8, and no inverse
/// overflows.
inline constexpr float kSmallestSpread = 1e-12f;

/// Nearest integer of |v| < 2^22, halves to even: adding 1.5 * 2^23 leaves no fraction bits.
inline float nearest(float v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

inline float code_of(float x, float inverse_step, float offset, CodeRange range) {
  float t = (x + offset) * inverse_step;
  t = t < range.low ? range.low : t;
  return nearest(t > range.high ? range.high : t);
}

inline constexpr int kLanes = 8;

inline float sum_lanes(const float* v) {
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

/// kSize values to be matched, their weights, and the weighted sums that no grid changes.
template <int kSize>
struct SubBlock {
  const float* x;
  float weight[kSize];
  float sum_w = 0.0f, sum_wx = 0.0f;
  float lowest, highest;

  explicit SubBlock(const float* values) : x(values), lowest(values[0]), highest(values[0]) {
    float squares = 0.0f;
    for (int i = 0; i < kSize; ++i) {
      lowest = x[i] < lowest ? x[i] : lowest;
      highest = x[i] > highest ? x[i] : highest;
      squares += x[i] * x[i];
    }
    const float rms = std::sqrt(squares / kSize);
    for (int i = 0; i < kSize; ++i) {
      weight[i] = rms + std::fabs(x[i]);
      sum_w += weight[i];
      sum_wx += weight[i] * x[i];
    }
  }
};

/// Weighted sums over the nearest codes q of a grid.
struct CodeSums {
  float q, qq, qx;
};

template <int kSize>
CodeSums sum_codes(const SubBlock<kSize>& block, float inverse_step, float offset, CodeRange range) {
  float q[kLanes] = {}, qq[kLanes] = {}, qx[kLanes] = {};
  for (int i = 0; i < kSize; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float code = code_of(block.x[i + l], inverse_step, offset, range);
      const float weighted = block.weight[i + l] * code;
      q[l] += weighted;
      qq[l] += weighted * code;
      qx[l] += weighted * block.x[i + l];
    }
  }
  return {sum_lanes(q), sum_lanes(qq), sum_lanes(qx)};
}

/// What a grid gains over storing zeros: sum w x^2 - sum w (step q - offset - x)^2, from the sums alone.
template <int kSize>
float gain(const SubBlock<kSize>& block, const CodeSums& s, Grid g) {
  const float squares = g.step * (g.step * s.qq - 2.0f * g.offset * s.q) + g.offset * g.offset * block.sum_w;
  return 2.0f * (g.step * s.qx - g.offset * block.sum_wx) - squares;
}

/// Gain of a grid with its nearest codes; step may be 0 (every code is then the one nearest to 0).
template <int kSize>
float gain(const SubBlock<kSize>& block, Grid g, CodeRange range) {
  return gain(block, sum_codes(block, g.step == 0.0f ? 0.0f : 1.0f / g.step, g.offset, range), g);
}

/// Least squares for step and offset, the offset kept >= 0 as the formats store it.
template <int kSize>
Grid refit(const SubBlock<kSize>& block, const CodeSums& s) {
  const float determinant = block.sum_w * s.qq - s.q * s.q;
  const float offset = (s.q * s.qx - s.qq * block.sum_wx) / determinant;
  if (!(offset > 0.0f)) return {s.qx / s.qq, 0.0f};
  return {(block.sum_w * s.qx - s.q * block.sum_wx) / determinant, offset};
}

/// Least squares for the step alone.
template <int kSize>
Grid refit_step(const SubBlock<kSize>&, const CodeSums& s) {
  return {s.qx / s.qq, 0.0f};
}

/// Keeps the best grid seen. A candidate whose sums overflow or vanish gives NaN and is never better.
template <int kSize>
class GridSearch {
 public:
  using Refit = Grid (*)(const SubBlock<kSize>&, const CodeSums&);

  GridSearch(const SubBlock<kSize>& block, CodeRange range, Refit refit_codes)
      : block_(block), range_(range), refit_(refit_codes) {}

  bool consider(float inverse_step, float offset) {
    const CodeSums sums = sum_codes(block_, inverse_step, offset, range_);
    const Grid grid = refit_(block_, sums);
    const float gained = gain(block_, sums, grid);
    if (!(gained > best_gain_)) return false;
    best_gain_ = gained;
    best_ = grid;
    return true;
  }

  void alternate(int rounds) {
    while (rounds-- > 0 && best_.step != 0.0f && consider(1.0f / best_.step, best_.offset)) {
    }
  }

  Grid best() const { return best_; }

 private:
  const SubBlock<kSize>& block_;
  CodeRange range_;
  Refit refit_;
  Grid best_;
  float best_gain_ = 0.0f;
};

}  // namespace cobra
