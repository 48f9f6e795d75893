#include "scenes/scene.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/fail.h"

namespace cobra::scenes {
namespace {

constexpr double kMargin = 0.02;  // to the edge of the picture
constexpr double kGap = 0.06;     // between objects that stand apart
constexpr double kSmall = 0.14, kLarge = 0.21, kContainer = 0.3;
constexpr int kTries = 200;
constexpr size_t kBackgroundCount = 4;

double distance(const Object& a, const Object& b) { return std::hypot(a.x - b.x, a.y - b.y); }

template <typename Enum, size_t n>
Enum any(SplitMix& random, const std::array<std::string_view, n>&) {
  return static_cast<Enum>(random.below(n));
}

void choose_looks(SplitMix& random, bool kept_for_tests, Object& object) {
  do {
    object.shape = any<Shape>(random, kShapeNames);
    object.colour = any<Colour>(random, kColourNames);
    object.texture = any<Texture>(random, kTextureNames);
  } while (held_out(object) != kept_for_tests);
}

Object make_object(SplitMix& random, bool kept_for_tests) {
  Object object;
  choose_looks(random, kept_for_tests, object);
  object.size = any<Size>(random, kSizeNames);
  object.radius = object.size == Size::large ? kLarge : kSmall;
  return object;
}

void place_anywhere(SplitMix& random, Object& object) {
  const double edge = object.radius + kMargin;
  object.x = random.uniform(edge, 1 - edge);
  object.y = random.uniform(edge, 1 - edge);
}

bool inside_picture(const Object& object) {
  const double edge = object.radius + kMargin;
  return std::min(object.x, object.y) >= edge && std::max(object.x, object.y) <= 1 - edge;
}

/// Places `object` at `away` from `other`, in a direction that keeps it in the picture.
bool place_beside(SplitMix& random, const Object& other, double away, Object& object) {
  for (int i = 0; i < kTries; ++i) {
    const double angle = random.uniform(0, 2 * std::numbers::pi);
    object.x = other.x + away * std::cos(angle);
    object.y = other.y + away * std::sin(angle);
    if (inside_picture(object)) return true;
  }
  return false;
}

/// Whether any of a raster of points lies in both.
bool overlap(const Object& a, const Object& b) {
  constexpr int kRaster = 48;
  for (int i = 0; i <= kRaster; ++i) {
    for (int k = 0; k <= kRaster; ++k) {
      const double u = 2.0 * i / kRaster - 1, v = 2.0 * k / kRaster - 1;
      if (!covers(a.shape, u, v)) continue;
      const double x = a.x + u * a.radius, y = a.y + v * a.radius;
      if (covers(b.shape, (x - b.x) / b.radius, (y - b.y) / b.radius)) return true;
    }
  }
  return false;
}

/// Moves `object` towards `other` until they meet.
void slide_together(const Object& other, Object& object) {
  const double step = 0.004 / distance(other, object);
  const double dx = (other.x - object.x) * step, dy = (other.y - object.y) * step;
  while (!overlap(object, other)) {
    object.x += dx;
    object.y += dy;
  }
  object.x -= dx;
  object.y -= dy;
}

bool place_pair(SplitMix& random, Scene& scene) {
  Object &first = scene.objects[0], &second = scene.objects[1];
  switch (scene.arrangement) {
    case Arrangement::apart:
      return true;
    case Arrangement::inside:
      first.size = Size::large;
      first.radius = kContainer;
      second.size = Size::small;
      second.radius = kSmall;
      place_anywhere(random, first);
      second.x = first.x;
      second.y = first.y;
      // Only these are roomy enough, and their middle is their centre.
      return first.shape == Shape::circle || first.shape == Shape::square;
    case Arrangement::behind:
      first.size = second.size = Size::large;
      first.radius = second.radius = kLarge;
      place_anywhere(random, first);
      return place_beside(random, first, 1.15 * kLarge, second);
    case Arrangement::touching:
      place_anywhere(random, first);
      if (!place_beside(random, first, first.radius + second.radius, second)) return false;
      slide_together(first, second);
      return true;
  }
  return false;
}

bool place_apart(SplitMix& random, const std::vector<Object>& others, Object& object) {
  for (int i = 0; i < kTries; ++i) {
    place_anywhere(random, object);
    const auto clear = [&](const Object& other) {
      return distance(object, other) >= object.radius + other.radius + kGap;
    };
    if (std::all_of(others.begin(), others.end(), clear)) return true;
  }
  return false;
}

/// A pair that stands as the scene says; its names must differ, or no question could tell them apart.
void add_pair(SplitMix& random, Part part, Scene& scene) {
  while (true) {
    const bool test = part == Part::test;
    scene.objects = {make_object(random, test && random.chance(0.5)), make_object(random, false)};
    if (test && random.chance(0.5)) choose_looks(random, true, scene.objects[1]);
    if (scene.objects[0].colour != scene.objects[1].colour && place_pair(random, scene)) return;
  }
}

bool has_held_out(const Scene& scene) {
  return std::any_of(scene.objects.begin(), scene.objects.end(),
                     [](const Object& object) { return held_out(object); });
}

}  // namespace

bool covers(Shape shape, double x, double y) {
  switch (shape) {
    case Shape::circle:
      return x * x + y * y <= 1;
    case Shape::square:
      return std::max(std::abs(x), std::abs(y)) <= 0.75;
    case Shape::triangle:
      return y <= 0.7 && std::abs(x) <= (y + 0.95) * 0.55;
    case Shape::cross:
      return std::max(std::abs(x), std::abs(y)) <= 0.9 && std::min(std::abs(x), std::abs(y)) <= 0.3;
    case Shape::star: {  // five points: the radius falls linearly, in angle, from 1 at a point to 0.42
                         // between two
      const double turn = std::atan2(x, -y) / (2 * std::numbers::pi) * 5;
      const double from_point = 2 * std::abs(turn - std::round(turn));
      return std::hypot(x, y) <= 1 / (1 + from_point * (1 / 0.42 - 1));
    }
    case Shape::heart: {  // (x^2 + y^2 - 1)^3 <= x^2 y^3, scaled into the circle
      const double u = x * 1.2, v = 0.1 - y * 1.2, r = u * u + v * v - 1;
      return r * r * r <= u * u * v * v * v;
    }
  }
  return false;
}

Scene make_scene(SplitMix& random, Part part, size_t most) {
  check(most >= 1 && most <= kMaxObjects, "scene: expected 1 to {} objects, found {}", kMaxObjects, most);
  Scene scene;
  do {
    scene.objects.clear();
    scene.background = static_cast<int>(random.below(kBackgroundCount));
    scene.arrangement =
        most < 2 || random.chance(0.4) ? Arrangement::apart : static_cast<Arrangement>(1 + random.below(3));
    if (scene.arrangement != Arrangement::apart) add_pair(random, part, scene);
    const size_t room = most - (scene.arrangement == Arrangement::inside && most == kMaxObjects);
    const size_t count = std::max(scene.objects.size(), 1 + random.below(room));
    while (scene.objects.size() < count) {
      Object object = make_object(random, part == Part::test && random.chance(0.4));
      if (!place_apart(random, scene.objects, object)) break;
      scene.objects.push_back(object);
    }
  } while (scene.objects.empty() || has_held_out(scene) != (part == Part::test));
  return scene;
}

}  // namespace cobra::scenes
