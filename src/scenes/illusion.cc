#include "scenes/illusion.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "scenes/draw.h"

namespace cobra::scenes {
namespace {

constexpr Rgb kInk = {60, 60, 60};

/// One pair of colours of five is held out, in both orders, other pairs for each kind.
bool held_out(const Illusion& illusion) {
  const auto [first, second] =
      std::minmax({static_cast<int>(illusion.colours[0]), static_cast<int>(illusion.colours[1])});
  return (first * 3 + second + static_cast<int>(illusion.kind)) % 5 == 0;
}

void choose_sizes(SplitMix& random, double low, double high, Illusion& illusion) {
  const double small = random.uniform(low, high / kLeastRatio);
  illusion.sizes = {small, small};
  if (random.below(3) == 0) return;
  illusion.sizes[random.below(2)] = random.uniform(small * kLeastRatio, std::min(high, small * 1.7));
}

/// Fins at both ends of a level line: outwards they lengthen it to the eye, inwards they shorten it.
void draw_finned_line(double x, double y, double length, bool outwards, Rgb colour, Canvas& canvas) {
  constexpr double kFin = 0.065;
  for (const double side : {-1.0, 1.0}) {
    const double end = x + side * length / 2, tip = end + side * (outwards ? kFin : -kFin);
    for (const double up : {-1.0, 1.0}) canvas.line(end, y, tip, y + up * kFin, 0.018, kInk);
  }
  canvas.line(x - length / 2, y, x + length / 2, y, 0.035, colour);
}

void draw_mueller_lyer(const Illusion& it, Canvas& canvas) {
  for (size_t i = 0; i < 2; ++i) {
    draw_finned_line(0.5 + it.x, 0.3 + 0.4 * static_cast<double>(i) + it.y, it.sizes[i],
                     it.second_surrounded == (i == 1), rgb_of(it.colours[i]), canvas);
  }
}

/// The bar nearer to where the rails meet looks longer.
void draw_ponzo(const Illusion& it, Canvas& canvas) {
  const double top = it.second_surrounded ? 0.95 : 0.05;  // where the rails are close
  for (const double side : {-1.0, 1.0}) {
    canvas.line(0.5 + side * 0.09 + it.x, top, 0.5 + side * 0.42 + it.x, 1 - top, 0.018, kInk);
  }
  for (size_t i = 0; i < 2; ++i) {
    const double y = 0.32 + 0.36 * static_cast<double>(i) + it.y;
    canvas.line(0.5 + it.x - it.sizes[i] / 2, y, 0.5 + it.x + it.sizes[i] / 2, y, 0.04,
                rgb_of(it.colours[i]));
  }
}

/// The disc among small ones looks larger.
void draw_ebbinghaus(const Illusion& it, Canvas& canvas) {
  for (size_t i = 0; i < 2; ++i) {
    const double x = 0.27 + 0.46 * static_cast<double>(i), y = 0.5 + it.y;
    const bool among_small = it.second_surrounded == (i == 1);
    const double ring = among_small ? 0.165 : 0.18, radius = among_small ? 0.03 : 0.055;
    const int count = among_small ? 8 : 6;
    for (int k = 0; k < count; ++k) {
      const double angle = 2 * std::numbers::pi * (k + 0.5) / count;
      canvas.disc(x + ring * std::cos(angle), y + ring * std::sin(angle), radius, kInk);
    }
    canvas.disc(x, y, it.sizes[i] / 2, rgb_of(it.colours[i]));
  }
}

}  // namespace

Illusion make_illusion(SplitMix& random, Part part) {
  Illusion it;
  it.kind = static_cast<IllusionKind>(random.below(kIllusionNames.size()));
  do {
    for (Colour& colour : it.colours) colour = static_cast<Colour>(random.below(kColourNames.size()));
  } while (it.colours[0] == it.colours[1] || held_out(it) != (part == Part::test));
  it.second_surrounded = random.chance(0.5);
  it.background = static_cast<int>(random.below(4));
  it.x = random.uniform(-0.06, 0.06);
  it.y = random.uniform(-0.06, 0.06);
  if (it.kind == IllusionKind::ebbinghaus)
    choose_sizes(random, 0.13, 0.23, it);
  else
    choose_sizes(random, 0.3, 0.64, it);
  return it;
}

std::vector<uint8_t> draw(const Illusion& illusion, int pixels) {
  Canvas canvas(pixels, background(illusion.background));
  switch (illusion.kind) {
    case IllusionKind::mueller_lyer:
      draw_mueller_lyer(illusion, canvas);
      break;
    case IllusionKind::ponzo:
      draw_ponzo(illusion, canvas);
      break;
    case IllusionKind::ebbinghaus:
      draw_ebbinghaus(illusion, canvas);
      break;
  }
  return canvas.rgb();
}

}  // namespace cobra::scenes
