// What is drawn at random: limits, frequencies, and that a seed repeats it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "nn/data/transforms/image_processor.h"
#include "nn/data/transforms/mixup.h"
#include "tensor/creation.h"

namespace papilio::test {

namespace {

// Each pixel says where it is.
nn::Image map_of(int64_t height, int64_t width) {
  nn::Image image{width, height, 3, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t v : {y, x, int64_t(255)}) image.pixels.push_back(uint8_t(v));
    }
  }
  return image;
}

}  // namespace

TEST_CASE("draws: uniform, whole numbers, normal and beta have their means and spreads") {
  Generator generator(1);
  nn::Draw draw(generator);
  constexpr int n = 20000;
  double sum = 0, normal = 0, square = 0;
  std::map<int64_t, int> counts;
  for (int i = 0; i < n; ++i) {
    const double u = draw.uniform(2, 4);
    CHECK((u >= 2 && u < 4));
    sum += u;
    ++counts[draw.integer(-1, 3)];
    const double z = draw.normal();
    normal += z;
    square += z * z;
  }
  CHECK(sum / n == doctest::Approx(3).epsilon(0.01));
  CHECK(counts.size() == 4);
  for (const auto& [value, count] : counts) CHECK(count == doctest::Approx(n / 4.0).epsilon(0.05));
  CHECK(std::abs(normal / n) < 0.03);
  CHECK(square / n == doctest::Approx(1).epsilon(0.04));
  for (double a : {0.2, 0.8, 1.0, 5.0}) {
    double mean = 0, spread = 0;
    for (int i = 0; i < n; ++i) {
      const double b = draw.beta(a);
      CHECK((b >= 0 && b <= 1));
      mean += b / n;
      spread += (b - 0.5) * (b - 0.5) / n;
    }
    CHECK(mean == doctest::Approx(0.5).epsilon(0.03));
    CHECK(spread == doctest::Approx(1 / (4 * (2 * a + 1))).epsilon(0.05));
  }
}

TEST_CASE("random crops lie everywhere they may and nowhere else") {
  Generator generator(2);
  nn::Draw draw(generator);
  const nn::Image image = map_of(4, 4);
  std::set<std::pair<int, int>> corners;
  for (int i = 0; i < 500; ++i) {
    const nn::Image part = nn::random_crop(image, 4, 4, 1, draw);
    // The middle is never padding: it says where the crop lies.
    corners.insert({part.pixels[15] - 1, part.pixels[16] - 1});
    CHECK(part.pixels[17] == 255);
  }
  CHECK(corners.size() == 9);
  CHECK(nn::random_crop(image, 4, 4, 0, draw) == image);
  for (int i = 0; i < 50; ++i) {
    const nn::Image larger = nn::random_crop(image, 6, 6, 0, draw);
    CHECK(std::count(larger.pixels.begin(), larger.pixels.end(), 255) == 16);
  }
}

TEST_CASE("random resized crops keep to their area and ratio; hopeless ratios take the middle") {
  Generator generator(3);
  nn::Draw draw(generator);
  const nn::Image image = map_of(200, 100);
  const nn::RandomResizedCrop resized{.min_scale = 0.2, .max_scale = 0.5};
  double smallest = 1, largest = 0;
  for (int i = 0; i < 300; ++i) {
    const nn::Image part = resized(image, 40, 40, nn::Interpolation::nearest, draw);
    CHECK(part.height == 40);
    CHECK(part.width == 40);
    const auto at = [&](int y, int x, int c) {
      return part.pixels[size_t(40 * y + x) * 3 + size_t(c)];
    };
    const double h = (at(39, 0, 0) - at(0, 0, 0)) * 40.0 / 39,
                 w = (at(0, 39, 1) - at(0, 0, 1)) * 40.0 / 39;
    const double share = h * w / 20000, ratio = w / h;
    CHECK((share > 0.17 && share < 0.54));
    CHECK((ratio > 0.68 && ratio < 1.45));
    smallest = std::min(smallest, share);
    largest = std::max(largest, share);
  }
  CHECK(smallest < 0.23);
  CHECK(largest > 0.47);
  const nn::Image middle = nn::RandomResizedCrop{.min_scale = 1, .max_scale = 1}(
      map_of(90, 30), 40, 30, nn::Interpolation::nearest, draw);
  CHECK(middle.pixels[0] == 25);  // 30 columns allow 40 rows: 25 to 64
  CHECK(middle.pixels[3 * 39 * 30] == 64);
}

TEST_CASE("RandAugment: magnitude 0 changes little, a seed repeats, every operation happens") {
  const nn::Image image = map_of(32, 32);
  nn::RandAugment augment;
  Generator a(5), b(5);
  nn::Draw one(a), two(b);
  std::set<nn::Pixels> results;
  for (int i = 0; i < 200; ++i) {
    const nn::Image out = augment(image, one);
    CHECK(out == augment(image, two));
    CHECK(out.pixels.size() == image.pixels.size());
    results.insert(out.pixels);
  }
  CHECK(results.size() > 50);
  augment.magnitude = 0;
  for (int op = 0; op < nn::kAugmentOps; ++op) {
    const bool colours = op >= int(nn::AugmentOp::solarize);
    if (!colours) CHECK(augment.apply(image, nn::AugmentOp(op), op % 2 == 0) == image);
  }
  augment.magnitude = 30;
  std::set<nn::Pixels> strongest;
  for (int op = 0; op < nn::kAugmentOps; ++op) {
    for (bool negative : {false, true})
      strongest.insert(augment.apply(image, nn::AugmentOp(op), negative).pixels);
  }
  CHECK(strongest.size() >= 21);  // identity, posterize and the like have one direction
}

TEST_CASE("random erasing: one rectangle of the right size, as often as asked") {
  Generator generator(7);
  nn::Draw draw(generator);
  int erased = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<float> image(2 * 20 * 30, 1);
    nn::RandomErasing{.p = 0.25}(image.data(), 2, 20, 30, draw);
    const auto holes = std::count(image.begin(), image.end(), 0.0f);
    erased += holes > 0;
    if (holes > 0) CHECK((holes > 2 * 600 * 0.01 && holes < 2 * 600 * 0.36));
  }
  CHECK((erased > 70 && erased < 130));
  std::vector<float> image(400, 1);
  nn::RandomErasing{.p = 1, .noise = true}(image.data(), 1, 20, 20, draw);
  CHECK(std::count(image.begin(), image.end(), 0.0f) == 0);
  CHECK(std::count(image.begin(), image.end(), 1.0f) < 400);
}

TEST_CASE("mixup and CutMix: images and targets in the same proportion") {
  Generator generator(9);
  const Tensor labels = tensor<int64_t>({0, 1, 2, 1, 0});
  for (const nn::Mixup& mix : {nn::Mixup{.mixup_alpha = 0.8}, nn::Mixup{.cutmix_alpha = 1},
                               nn::Mixup{.mixup_alpha = 0.2, .cutmix_alpha = 1}}) {
    for (int round = 0; round < 20; ++round) {
      Tensor images = empty({5, 2, 8, 8});
      for (int i = 0; i < 5; ++i) std::fill_n(images.data<float>() + 128 * i, 128, float(i));
      const Tensor targets = mix(images, labels, 3, generator);
      REQUIRE(targets.shape() == Dims{5, 3});
      const auto t = targets.to_vector<double>(), x = images.to_vector<double>();
      // Image 1 (value 1, class 1) is mixed with image 3 (value 3, class 1), 0 with 4 (both 0).
      CHECK(t[0] == doctest::Approx(1));
      CHECK(t[4] == doctest::Approx(1));
      CHECK(t[8] == doctest::Approx(1));
      const double mean = std::accumulate(x.begin(), x.begin() + 128, 0.0) / 128;
      const Tensor others = tensor<int64_t>({0, 1, 2, 1, 3});
      Tensor again = empty({5, 2, 8, 8});
      for (int i = 0; i < 5; ++i) std::fill_n(again.data<float>() + 128 * i, 128, float(i));
      Generator same(uint64_t(100 + round));
      const Tensor soft = mix(again, others, 4, same);
      const auto s = soft.to_vector<double>(), y = again.to_vector<double>();
      const double share = std::accumulate(y.begin(), y.begin() + 128, 0.0) / 128 / 4;
      CHECK(s[3] == doctest::Approx(share).epsilon(1e-5));  // of image 4 in image 0
      CHECK(s[0] == doctest::Approx(1 - share).epsilon(1e-5));
      CHECK(mean <= 4);
      CHECK(y[2 * 128] == 2);  // the middle one is mixed with itself
    }
  }
  Tensor images = ones({2, 1, 2, 2});
  const auto plain =
      nn::Mixup{.mixup_alpha = 1, .prob = 0}(images, tensor<int64_t>({1, 0}), 2, generator);
  CHECK(plain.to_vector() == std::vector<float>{0, 1, 1, 0});
  CHECK_THROWS_WITH_AS(nn::Mixup{}(images, tensor<int64_t>({1, 2}), 2, generator),
                       "Mixup: label 2 is out of range for 2 classes", ArgumentError);
  CHECK_THROWS_AS(nn::Mixup{}(images, tensor<int64_t>({1}), 2, generator), ArgumentError);
}

}  // namespace papilio::test
