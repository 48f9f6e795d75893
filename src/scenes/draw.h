// Scenes and illusions to pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "scenes/scene.h"

namespace cobra::scenes {

struct Rgb {
  uint8_t r, g, b;
};

/// A square picture that is painted in coordinates from 0 to 1, y downwards, smoothed by supersampling.
class Canvas {
 public:
  /// `pixels` is the length of a side.
  Canvas(int pixels, Rgb background);

  /// Paints the points for which `inside(x, y)` holds within the box around (x, y) of half-width `reach`.
  template <typename Inside>
  void paint(double x, double y, double reach, Rgb colour, const Inside& inside);
  /// A line with square ends, `width` thick.
  void line(double x0, double y0, double x1, double y1, double width, Rgb colour);
  void disc(double x, double y, double radius, Rgb colour);

  /// RGB, rows top to bottom.
  std::vector<uint8_t> rgb() const;

 private:
  static constexpr int kSamples = 3;  // in each direction
  int pixels_;
  std::vector<Rgb> samples_;
};

Rgb rgb_of(Colour colour);
Rgb background(int index);

/// RGB pixels of `pixels` x `pixels`.
std::vector<uint8_t> draw(const Scene& scene, int pixels);

}  // namespace cobra::scenes
