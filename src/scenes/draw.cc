#include "scenes/draw.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace cobra::scenes {
namespace {

constexpr std::array<Rgb, 8> kColours = {{{214, 40, 40},
                                          {46, 150, 60},
                                          {40, 84, 204},
                                          {244, 211, 52},
                                          {140, 60, 170},
                                          {240, 130, 30},
                                          {25, 25, 25},
                                          {252, 252, 252}}};
constexpr std::array<Rgb, 4> kBackgrounds = {
    {{196, 196, 196}, {216, 200, 172}, {176, 200, 220}, {184, 210, 184}}};
constexpr Rgb kOutline = {60, 60, 60};

// Stripes and dots have the same period on every object, so that they stay visible on small ones.
constexpr double kPeriod = 0.075;

bool is_marked(const Object& object, double x, double y) {
  const double u = (x - object.x) / kPeriod, v = (y - object.y) / kPeriod;
  if (object.texture == Texture::striped) return v - std::floor(v) < 0.4;
  if (object.texture == Texture::dotted) return std::hypot(u - std::round(u), v - std::round(v)) < 0.3;
  return false;
}

/// Half-way to white, or for light colours to black.
Rgb mark_of(Colour colour) {
  const Rgb base = rgb_of(colour);
  const int to = colour == Colour::white || colour == Colour::yellow ? 40 : 240;
  const auto mix = [&](int channel) { return static_cast<uint8_t>((channel * 3 + to * 5) / 8); };
  return {mix(base.r), mix(base.g), mix(base.b)};
}

void draw_object(const Object& object, Canvas& canvas) {
  const auto within = [&](double x, double y, double radius) {
    return covers(object.shape, (x - object.x) / radius, (y - object.y) / radius);
  };
  const double inner = object.radius - 0.012;
  canvas.paint(object.x, object.y, object.radius, kOutline,
               [&](double x, double y) { return within(x, y, object.radius); });
  canvas.paint(object.x, object.y, inner, rgb_of(object.colour),
               [&](double x, double y) { return within(x, y, inner); });
  if (object.texture == Texture::plain) return;
  canvas.paint(object.x, object.y, inner, mark_of(object.colour),
               [&](double x, double y) { return within(x, y, inner) && is_marked(object, x, y); });
}

}  // namespace

Rgb rgb_of(Colour colour) { return kColours[static_cast<size_t>(colour)]; }
Rgb background(int index) { return kBackgrounds.at(static_cast<size_t>(index)); }

Canvas::Canvas(int pixels, Rgb background)
    : pixels_(pixels), samples_(static_cast<size_t>(pixels) * pixels * kSamples * kSamples, background) {}

template <typename Inside>
void Canvas::paint(double x, double y, double reach, Rgb colour, const Inside& inside) {
  const int side = pixels_ * kSamples;
  const auto first = [&](double at) {
    return std::max(0, static_cast<int>(std::floor((at - reach) * side)));
  };
  const auto last = [&](double at) {
    return std::min(side, static_cast<int>(std::ceil((at + reach) * side)));
  };
  for (int row = first(y); row < last(y); ++row) {
    for (int column = first(x); column < last(x); ++column) {
      if (inside((column + 0.5) / side, (row + 0.5) / side))
        samples_[static_cast<size_t>(row) * side + column] = colour;
    }
  }
}

void Canvas::line(double x0, double y0, double x1, double y1, double width, Rgb colour) {
  const double length = std::hypot(x1 - x0, y1 - y0);
  const double ux = (x1 - x0) / length, uy = (y1 - y0) / length;
  paint((x0 + x1) / 2, (y0 + y1) / 2, length / 2 + width, colour, [&](double x, double y) {
    const double along = (x - x0) * ux + (y - y0) * uy, across = (y - y0) * ux - (x - x0) * uy;
    return along >= 0 && along <= length && std::abs(across) <= width / 2;
  });
}

void Canvas::disc(double x, double y, double radius, Rgb colour) {
  paint(x, y, radius, colour, [&](double px, double py) { return std::hypot(px - x, py - y) <= radius; });
}

std::vector<uint8_t> Canvas::rgb() const {
  std::vector<uint8_t> pixels;
  pixels.reserve(static_cast<size_t>(pixels_) * pixels_ * 3);
  constexpr int kAll = kSamples * kSamples;
  for (int row = 0; row < pixels_; ++row) {
    for (int column = 0; column < pixels_; ++column) {
      int r = 0, g = 0, b = 0;
      for (int i = 0; i < kAll; ++i) {
        const int y = row * kSamples + i / kSamples, x = column * kSamples + i % kSamples;
        const Rgb sample = samples_[static_cast<size_t>(y) * pixels_ * kSamples + x];
        r += sample.r;
        g += sample.g;
        b += sample.b;
      }
      for (const int sum : {r, g, b}) pixels.push_back(static_cast<uint8_t>((sum + kAll / 2) / kAll));
    }
  }
  return pixels;
}

std::vector<uint8_t> draw(const Scene& scene, int pixels) {
  Canvas canvas(pixels, background(scene.background));
  for (const Object& object : scene.objects) draw_object(object, canvas);
  return canvas.rgb();
}

}  // namespace cobra::scenes
