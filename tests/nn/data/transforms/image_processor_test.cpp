#include "nn/data/transforms/image_processor.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tensor/error.h"

namespace papilio::test {

namespace {

nn::Image gradient(int64_t height, int64_t width, int64_t channels) {
  nn::Image image{width, height, channels, {}};
  for (int64_t i = 0; i < height * width * channels; ++i) image.pixels.push_back(uint8_t(i * 7));
  return image;
}

}  // namespace

TEST_CASE("processor: resize, crop, scale, normalise, channel by channel") {
  nn::ImageProcessor p = nn::image_processor_for(2, 2, 3);
  const nn::Image image{2, 2, 3, {0, 51, 102, 153, 204, 255, 10, 20, 30, 40, 50, 60}};
  std::vector<float> out(12);
  p(image, out.data());
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < 4; ++i) {
      const double want = (image.pixels[3 * i + c] / 255.0 - p.image_mean[c]) / p.image_std[c];
      CHECK(out[4 * c + i] == doctest::Approx(want));
    }
  }
  CHECK(p.denormalize(out.data(), 2, 2) == image);
  p.do_normalize = p.do_rescale = false;
  p(image, out.data());
  CHECK(out[4] == 51);
  CHECK(p.denormalize(out.data(), 2, 2) == image);
  out[0] = -3;
  out[1] = 300;
  CHECK(p.denormalize(out.data(), 2, 2).pixels[0] == 0);
  CHECK(p.denormalize(out.data(), 2, 2).pixels[3] == 255);
  p.do_center_crop = true;
  p.crop_height = 1;
  p.crop_width = 2;
  p.shortest_edge = 6;
  CHECK(p.geometry(gradient(9, 12, 3)) ==
        nn::center_crop(nn::resize(gradient(9, 12, 3), 6, 8, nn::Interpolation::bilinear), 1, 2));
  // Grey models take colour pictures and the other way round.
  CHECK(nn::image_processor_for(3, 3, 1).geometry(gradient(3, 3, 3)).channels == 1);
  CHECK(nn::image_processor_for(3, 3, 3).geometry(gradient(3, 3, 1)).channels == 3);
  p = nn::image_processor_for(2, 2, 1);
  p.do_resize = false;
  CHECK_THROWS_WITH_AS(p.geometry(gradient(3, 2, 1)),
                       "ImageProcessor: expected images of 2x2 pixels, got 3x2", ArgumentError);
}

TEST_CASE("the training transform: nothing asked is the processor; a seed repeats") {
  const nn::Image image = gradient(20, 20, 3);
  nn::TrainTransform t{.processor = nn::image_processor_for(16, 16, 3)};
  std::vector<float> want(3 * 256), got(3 * 256), other(3 * 256);
  t.processor(image, want.data());
  Generator generator(1);
  t(image, generator, got.data());
  CHECK(got == want);
  CHECK(generator.state() == GeneratorState{1, 0});
  t.hflip = 1;
  t(image, generator, got.data());
  for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == want[i / 16 * 16 + 15 - i % 16]);
  t = {.processor = t.processor,
       .hflip = 0.5,
       .rand_augment = {},
       .random_erasing = {.p = 0.5, .noise = true}};
  for (auto crop : {nn::TrainTransform::Crop::padded, nn::TrainTransform::Crop::resized}) {
    t.crop = crop;
    std::set<std::vector<float>> results;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      Generator a(seed), b(seed);
      t(image, a, got.data());
      t(image, b, other.data());
      CHECK(got == other);
      CHECK(a.state() == b.state());
      results.insert(got);
    }
    CHECK(results.size() == 20);
  }
}

TEST_CASE("training transform: the shorter side that it wants of a picture") {
  using Crop = nn::TrainTransform::Crop;
  nn::TrainTransform t;
  CHECK(t.least_side() == 448);
  t.processor.shortest_edge = 256;
  CHECK(t.least_side() == 512);
  t.crop = Crop::padded;
  CHECK(t.least_side() == 512);
  t.crop = Crop::resized;  // a part of .35 of the area, 3:4: 448 / sqrt(.35 * .75) = 874.4
  t.resized.min_scale = 0.35;
  CHECK(t.least_side() == 875);
  t.crop = Crop::none;
  t.processor.do_resize = false;
  CHECK(t.least_side() == 0);
}

}  // namespace papilio::test
