// The eyes of the demonstration: like things look alike, and a new subject like nothing else.
#include "samples/papilio/demo/drawn_eyes.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "samples/papilio/demo/drawn_scenes.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/samples/papilio/demo/drawn.h"

namespace papilio::test {

using demo::Eyes;
using demo::Scene;

namespace {

std::vector<nn::Image> drawn(const std::vector<Scene>& scenes, int64_t side, uint64_t seed) {
  std::vector<nn::Image> images;
  for (const Scene& scene : scenes) images.push_back(world().draw(scene, side, seed++));
  return images;
}

// The subject's prompts with another thing in its place.
std::vector<Scene> in_its_place(int shape, int colour) {
  std::vector<Scene> scenes = demo::subject_prompts();
  for (Scene& scene : scenes) scene.shape = shape, scene.colour = colour;
  return scenes;
}

}  // namespace

TEST_CASE(
    "eyes: what they name rightly, and that a subject looks like itself more than others do") {
  manual_seed(77);
  const GeneratorState before = default_generator().state();
  Eyes eyes(world(), 16, 3, 150);
  CHECK(default_generator().state() == before);
  CHECK(eyes.accuracy().shape > 0.3);  // of 15; so few steps are not enough for digits
  CHECK(eyes.accuracy().colour > 0.95);
  CHECK(eyes.accuracy().place > 0.7);
  CHECK(eyes.accuracy().background > 0.95);

  const auto references = drawn(demo::subject_scenes(), 16, 1000);
  const double itself = eyes.likeness(drawn(demo::subject_prompts(), 16, 0), references);
  CHECK(itself <= 1);
  for (int shape = 0; shape < 4; ++shape)
    for (int colour = 0; colour < 5; ++colour)
      CHECK(eyes.likeness(drawn(in_its_place(shape, colour), 16, 0), references) < itself - 0.3);

  const auto base = drawn(demo::other_scenes(), 16, 0);
  CHECK(eyes.drift(base, base) == doctest::Approx(0).epsilon(1e-6));
  const double jittered = eyes.drift(base, drawn(demo::other_scenes(), 16, 100));
  const double forgotten = eyes.drift(base, drawn(demo::subject_prompts(), 16, 0));
  CHECK(jittered < 0.1);
  CHECK(forgotten > 2 * jittered);
  CHECK(forgotten < 1);
}

TEST_CASE("eyes: the same seed sees the same, and wrong pictures are refused") {
  Eyes once(world(), 16, 5, 3), again(world(), 16, 5, 3), another(world(), 16, 6, 3);
  const auto images = drawn(demo::subject_scenes(), 16, 0);
  const auto seen = once.features(images).to_vector<float>();
  CHECK(again.features(images).to_vector<float>() == seen);
  CHECK(another.features(images).to_vector<float>() != seen);
  const Tensor features = once.features(images);
  CHECK(features.size(0) == 5);
  CHECK(features.size(1) == 64);
  CHECK(once.likeness({images[0]}, {images[0]}) == doctest::Approx(1));
  CHECK_THROWS_WITH_AS(once.features({world().draw({}, 32, 0)}),
                       "eyes: expected RGB pictures of 16x16, got 32x32 of 3 channels",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(Eyes(world(), 18, 0, 1),
                       "eyes: expected a multiple of 4 pixels a side, got 18", ArgumentError);
  CHECK_THROWS_WITH_AS(once.features({}), "eyes: expected pictures, got none", ArgumentError);
  CHECK_THROWS_WITH_AS(once.drift(images, {images[0]}),
                       "eyes: expected as many pictures of both, got 5 and 1", ArgumentError);
}

}  // namespace papilio::test
