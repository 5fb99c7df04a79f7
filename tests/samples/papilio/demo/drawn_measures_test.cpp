// What is measured of a picture: colours, overlaps and distances that are computed by hand.
#include "samples/papilio/demo/drawn_measures.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "samples/papilio/demo/drawn_scenes.h"
#include "tensor/error.h"
#include "tests/samples/papilio/demo/drawn.h"

namespace papilio::test {

using demo::Rgb;
using demo::Scene;

namespace {

nn::Image plain(int64_t side, Rgb colour) {
  nn::Image image{side, side, 3, {}};
  for (int64_t i = 0; i < side * side; ++i)
    image.pixels.insert(image.pixels.end(), {colour.r, colour.g, colour.b});
  return image;
}

// A rectangle of rows [top, bottom) and columns [left, right).
nn::Image with_block(nn::Image image, int64_t top, int64_t bottom, int64_t left, int64_t right,
                     Rgb colour) {
  for (int64_t row = top; row < bottom; ++row) {
    for (int64_t col = left; col < right; ++col) {
      uint8_t* p = &image.pixels[size_t(3 * (row * image.width + col))];
      p[0] = colour.r, p[1] = colour.g, p[2] = colour.b;
    }
  }
  return image;
}

constexpr Rgb kBlack{}, kWhite{255, 255, 255}, kRed{220, 35, 35};

}  // namespace

TEST_CASE("border_colour: the median, whatever reaches the edge or speckles it") {
  const nn::Image image = with_block(plain(8, {30, 60, 200}), 0, 8, 0, 2, kRed);
  // 28 border pixels, of which 8 + 2 of the block are red.
  CHECK(demo::border_colour(image) == Rgb{30, 60, 200});
  CHECK(demo::border_colour(with_block(image, 0, 8, 0, 6, kRed)) == kRed);
  CHECK(demo::border_colour(with_block(plain(8, kWhite), 2, 6, 2, 6, kRed)) == kWhite);
}

TEST_CASE("background_of: the nearest named colour, of every scene the one that was asked") {
  CHECK(demo::background_of(plain(4, {10, 20, 15})) == 0);
  CHECK(demo::background_of(plain(4, {240, 230, 250})) == 1);
  CHECK(demo::background_of(plain(4, {60, 80, 180})) == 2);
  CHECK(demo::background_of(plain(4, {110, 120, 140})) == 3);
  for (const int64_t side : {16, 32}) {
    std::vector<nn::Image> images;
    std::vector<Scene> scenes = demo::all_scenes();
    for (const auto& more : {demo::digit_scenes(), demo::control_scenes(), demo::subject_prompts(),
                             demo::digit_subject_prompts()})
      scenes.insert(scenes.end(), more.begin(), more.end());
    for (const Scene& scene : scenes) images.push_back(world().draw(scene, side, images.size()));
    CHECK(demo::fidelity(images, scenes) == 1);
  }
}

TEST_CASE("fidelity: the share of pictures with the background that was asked") {
  const std::vector<nn::Image> images{plain(8, kBlack), plain(8, kWhite), plain(8, kWhite),
                                      plain(8, {30, 60, 200})};
  const auto asked = [](int background) { return Scene{.background = background}; };
  CHECK(demo::fidelity(images, {asked(0), asked(1), asked(3), asked(2)}) == 0.75);
  CHECK_THROWS_WITH_AS(demo::fidelity(images, {asked(0)}),
                       "fidelity: expected a scene for each picture, got 4 pictures and 1 scenes",
                       ArgumentError);
  CHECK_THROWS_AS(demo::fidelity({}, {}), ArgumentError);
}

TEST_CASE("foreground: the pixels far from the picture's own background") {
  const nn::Image image = with_block(plain(6, {128, 128, 128}), 1, 3, 2, 5, kRed);
  const std::vector<bool> mask = demo::foreground(image);
  REQUIRE(mask.size() == 36);
  for (int64_t i = 0; i < 36; ++i)
    CHECK(mask[size_t(i)] == (i / 6 >= 1 && i / 6 < 3 && i % 6 >= 2 && i % 6 < 5));
  // 36 in each channel are 62.4 in all, 38 are 65.8.
  CHECK_FALSE(demo::foreground(with_block(plain(6, kBlack), 2, 3, 2, 3, {36, 36, 36}))[14]);
  CHECK(demo::foreground(with_block(plain(6, kBlack), 2, 3, 2, 3, {38, 38, 38}))[14]);
}

TEST_CASE("intersection_over_union, centre_error: squares, shifted") {
  // Both 4x4 in 16x16: one is 1 further to the right and 2 further down.
  const nn::Image made = with_block(plain(16, kBlack), 6, 10, 5, 9, kRed);
  const nn::Image silhouette = with_block(plain(16, kBlack), 4, 8, 4, 8, kWhite);
  CHECK(demo::intersection_over_union(made, silhouette) == doctest::Approx(6.0 / 26));
  CHECK(demo::centre_error(made, silhouette) == doctest::Approx(std::sqrt(5.0) / 16));
  // The background's colour does not matter, nor the thing's.
  const nn::Image on_white = with_block(plain(16, kWhite), 6, 10, 5, 9, {20, 160, 50});
  CHECK(demo::intersection_over_union(on_white, silhouette) == doctest::Approx(6.0 / 26));
  const nn::Image exact = with_block(plain(16, {30, 60, 200}), 4, 8, 4, 8, kRed);
  CHECK(demo::intersection_over_union(exact, silhouette) == 1);
  CHECK(demo::centre_error(exact, silhouette) == 0);
  const nn::Image far_away = with_block(plain(16, kBlack), 12, 16, 12, 16, kRed);
  CHECK(demo::intersection_over_union(far_away, silhouette) == 0);
  CHECK(demo::centre_error(far_away, silhouette) == doctest::Approx(std::sqrt(128.0) / 16));
  // Nothing there: no overlap, and as far as can be said.
  CHECK(demo::intersection_over_union(plain(16, kBlack), silhouette) == 0);
  CHECK(demo::intersection_over_union(plain(16, kBlack), plain(16, kBlack)) == 0);
  CHECK(demo::centre_error(plain(16, kBlack), silhouette) == 1);
}

TEST_CASE("a drawn scene covers its own silhouette, and another place's hardly") {
  for (const Scene& scene : demo::control_scenes()) {
    const nn::Image image = world().draw(scene, 32, 5), own = world().silhouette(scene, 32, 5);
    CHECK(demo::intersection_over_union(image, own) > 0.75);
    CHECK(demo::centre_error(image, own) < 0.03);
  }
  const Scene left{.shape = 1, .place = 0}, right{.shape = 1, .place = 1};
  CHECK(demo::intersection_over_union(world().draw(left, 32, 1), world().silhouette(right, 32, 1)) <
        0.1);
  CHECK(demo::centre_error(world().draw(left, 32, 1), world().silhouette(right, 32, 1)) ==
        doctest::Approx(0.4).epsilon(0.1));
}

TEST_CASE("measures: pictures that do not fit are refused") {
  CHECK_THROWS_WITH_AS(demo::border_colour({4, 4, 1, nn::Pixels(16)}),
                       "border_colour: expected an RGB picture, got 4x4 of 1 channels",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(demo::centre_error(plain(8, kBlack), plain(16, kBlack)),
                       "centre_error: expected pictures of one size, got 8x8 and 16x16",
                       ArgumentError);
  CHECK_THROWS_AS(demo::intersection_over_union(plain(8, kBlack), plain(16, kBlack)),
                  ArgumentError);
}

}  // namespace papilio::test
