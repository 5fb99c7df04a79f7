// The drawn world: what a picture shows is what its scene says, colour by colour and place by
// place.
#include "samples/papilio/demo/drawn_world.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/dataset.h"
#include "nn/data/formats/image.h"
#include "tensor/error.h"
#include "tests/nn/digits.h"
#include "tests/samples/papilio/demo/drawn.h"

namespace papilio::test {

using demo::Rgb;
using demo::Scene;

namespace {

// Sum of a silhouette's pixels, each 0 to 1, and their mean place in shares of the side.
struct Mass {
  double area = 0, x = 0, y = 0;
};

Mass mass_of(const nn::Image& silhouette) {
  Mass m;
  for (int64_t row = 0; row < silhouette.height; ++row) {
    for (int64_t col = 0; col < silhouette.width; ++col) {
      const double white = pixel(silhouette, row, col).r / 255.0;
      m.area += white;
      m.x += white * (double(col) + 0.5);
      m.y += white * (double(row) + 0.5);
    }
  }
  m.x /= m.area * double(silhouette.width);
  m.y /= m.area * double(silhouette.height);
  return m;
}

Rgb colour(int index) {
  return demo::kColours[size_t(index)].rgb;
}
Rgb background(int index) {
  return demo::kBackgrounds[size_t(index)].rgb;
}

}  // namespace

TEST_CASE("drawn world: captions name the thing, its colour, its place and the background") {
  CHECK(demo::caption({.shape = 1, .colour = 0, .place = 0, .background = 0}) ==
        "a red circle at the left on black");
  CHECK(demo::caption({.shape = 2, .colour = 4, .place = demo::kAnywhere, .background = 3}) ==
        "a pink triangle on gray");
  CHECK(demo::caption({.shape = demo::kFirstDigit + 3, .colour = 2, .background = 1}) ==
        "a green digit three in the middle on white");
  CHECK(demo::caption({.shape = demo::kNewDigit, .colour = 3, .background = 2}) ==
        "a cyan sks digit in the middle on blue");
  CHECK(demo::caption({.shape = demo::kSubject, .place = 3, .background = 0}) ==
        "a sks ring at the bottom on black");
  CHECK_THROWS_WITH_AS(demo::caption({.shape = 15}),
                       "scene: shape 15, colour 0, place 4, background 0: an index is out of range",
                       ArgumentError);
}

TEST_CASE("drawn world: areas are those of the shapes' formulas") {
  constexpr int64_t kSide = 256;
  const auto area = [](int shape, uint64_t seed) {
    return mass_of(world().silhouette({.shape = shape}, kSide, seed)).area;
  };
  for (const uint64_t seed : {0, 1, 2}) {
    // One seed is one size: a disc of radius r tells the others'.
    const double disc = area(1, seed), r = std::sqrt(disc / std::numbers::pi);
    CHECK(r > 0.26 * 0.94 * kSide);
    CHECK(r < 0.26 * 1.06 * kSide);
    CHECK(area(0, seed) == doctest::Approx(1.7 * 1.7 * r * r).epsilon(0.01));
    CHECK(area(2, seed) == doctest::Approx(1.8 * r * r).epsilon(0.01));
    CHECK(area(3, seed) == doctest::Approx(0.75 * disc).epsilon(0.01));
    CHECK(area(demo::kSubject, seed) == doctest::Approx(disc).epsilon(0.01));
  }
  // Anti-aliased: the smallest picture has the same share of white, not so many whole pixels.
  const nn::Image small = world().silhouette({.shape = 1}, 16, 0);
  CHECK(mass_of(small).area / 256 == doctest::Approx(area(1, 0) / (kSide * kSide)).epsilon(0.03));
  bool between = false;
  for (const uint8_t v : small.pixels) between = between || (v > 0 && v < 255);
  CHECK(between);
}

TEST_CASE("drawn world: things stand where the caption says, in its colours") {
  const std::vector<std::pair<double, double>> centres{
      {0.3, 0.5}, {0.7, 0.5}, {0.5, 0.3}, {0.5, 0.7}, {0.5, 0.5}};
  for (const int64_t side : {16, 32}) {
    for (int place = 0; place < 5; ++place) {
      for (int b = 0; b < 4; ++b) {
        const Scene scene{
            .shape = b % 3, .colour = (place + b) % 5, .place = place, .background = b};
        const uint64_t seed = 10 * uint64_t(place) + uint64_t(b);
        const nn::Image image = world().draw(scene, side, seed);
        const Mass mass = mass_of(world().silhouette(scene, side, seed));
        CHECK(std::abs(mass.x - centres[size_t(place)].first) < 0.03);
        const double lower = scene.shape == 2 ? 0.2 * 0.26 : 0;  // a triangle's centre of mass
        CHECK(std::abs(mass.y - centres[size_t(place)].second - lower) < 0.03);
        CHECK(pixel(image, int64_t(mass.y * double(side)), int64_t(mass.x * double(side))) ==
              colour(scene.colour));
        for (const int64_t corner : {int64_t(0), side - 1})
          CHECK(pixel(image, corner, corner) == background(b));
      }
    }
  }
}

TEST_CASE("drawn world: the subject is a ring of one colour around a core of another") {
  for (const int64_t side : {16, 32}) {
    const nn::Image image = world().draw({.shape = demo::kSubject, .background = 1}, side, 5);
    const nn::Image ring = world().draw({.shape = 3, .colour = 1, .background = 1}, side, 5);
    const int64_t middle = side / 2, band = int64_t(0.5 * double(side) + 0.19 * double(side));
    CHECK(pixel(image, middle, middle) == colour(0));
    CHECK(pixel(image, middle, band) == colour(1));
    CHECK(pixel(ring, middle, middle) == background(1));
    CHECK(pixel(ring, middle, band) == colour(1));
    CHECK(pixel(image, 0, 0) == background(1));
    CHECK(world().draw({.shape = demo::kSubject, .colour = 3, .background = 1}, side, 5) == image);
  }
}

TEST_CASE("drawn world: a digit has its colour, and the seed chooses the handwriting") {
  const Scene three{.shape = demo::kFirstDigit + 3, .colour = 2, .background = 0};
  int64_t of_colour = 0, of_background = 0;
  const nn::Image image = world().draw(three, 32, 7);
  for (int64_t i = 0; i < 32 * 32; ++i) {
    of_colour += pixel(image, i / 32, i % 32) == colour(2);
    of_background += pixel(image, i / 32, i % 32) == background(0);
  }
  CHECK(of_colour > 40);
  CHECK(of_background > 500);
  CHECK(of_colour + of_background < 32 * 32);
  CHECK(world().draw(three, 32, 7) == image);
  CHECK(world().draw(three, 32, 8) != image);
  CHECK(world().silhouette(three, 32, 7) ==
        world().silhouette({.shape = three.shape, .colour = 0, .background = 2}, 32, 7));
}

TEST_CASE("drawn world: anywhere is inside the picture, of several sizes and at all sides") {
  double left = 1, right = 0, top = 1, bottom = 0, least = 1e9, most = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const nn::Image mask = world().silhouette({.shape = 1, .place = demo::kAnywhere}, 64, seed);
    const Mass m = mass_of(mask);
    left = std::min(left, m.x), right = std::max(right, m.x);
    top = std::min(top, m.y), bottom = std::max(bottom, m.y);
    const double radius = std::sqrt(m.area / std::numbers::pi) / 64;
    least = std::min(least, radius), most = std::max(most, radius);
  }
  CHECK(left < 0.3);
  CHECK(right > 0.7);
  CHECK(top < 0.3);
  CHECK(bottom > 0.7);
  CHECK(least >= doctest::Approx(0.195).epsilon(0.01));
  CHECK(least < 0.22);
  CHECK(most <= doctest::Approx(0.325).epsilon(0.01));
  CHECK(most > 0.3);
}

TEST_CASE("drawn world: seeds repeat, and what cannot be drawn is refused") {
  const Scene scene{.shape = 2, .colour = 1, .place = 3, .background = 2};
  CHECK(world().draw(scene, 32, 3) == world().draw(scene, 32, 3));
  CHECK(world().draw(scene, 32, 3) != world().draw(scene, 32, 4));
  CHECK_THROWS_WITH_AS(world().draw(scene, 7, 0),
                       "drawn world: expected at least 8 pixels a side, got 7", ArgumentError);
  CHECK_THROWS_AS(world().draw({.colour = 5}, 16, 0), ArgumentError);
  CHECK_THROWS_AS(world().silhouette({.background = -1}, 16, 0), ArgumentError);
  CHECK_THROWS_WITH_AS(demo::DrawnWorld(nn::with_classes(digits(), {0, 1})),
                       "drawn world: there is no picture of the digit 2", ArgumentError);
}

}  // namespace papilio::test
