// Resizing, colours and moves against Pillow's own pixels.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "nn/data/transforms/color.h"
#include "nn/data/transforms/crop.h"
#include "nn/data/transforms/image_processor_file.h"
#include "nn/data/transforms/rand_augment.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/capture_bound.h"
#include "tests/paths.h"

namespace papilio::test {

namespace {

nn::Image golden(const SafetensorsFile& file, const std::string& name) {
  const Tensor& t = file.tensors.at(name);
  const uint8_t* values = t.data<uint8_t>();
  return {t.size(1), t.size(0), t.size(2), nn::Pixels(values, values + t.numel())};
}

// "resize.bicubic.8x9", "rotate.-30", "equalize"
nn::Image made(const nn::Image& image, const std::string& what) {
  const size_t dot = what.find('.');
  const std::string op = what.substr(0, dot), rest = dot == what.npos ? "" : what.substr(dot + 1);
  if (op == "resize") {
    const size_t second = rest.find('.'), cross = rest.find('x', second);
    return nn::resize(image, std::stoi(rest.substr(second + 1)), std::stoi(rest.substr(cross + 1)),
                      nn::interpolation(rest.substr(0, second)));
  }
  const double value = rest.empty() ? 0 : std::stod(rest);
  if (op == "brightness") return nn::adjust_brightness(image, value);
  if (op == "color") return nn::adjust_color(image, value);
  if (op == "contrast") return nn::adjust_contrast(image, value);
  if (op == "sharpness") return nn::adjust_sharpness(image, value);
  if (op == "posterize") return nn::posterize(image, int(value));
  if (op == "solarize") return nn::solarize(image, value);
  if (op == "autocontrast") return nn::autocontrast(image);
  if (op == "equalize") return nn::equalize(image);
  if (op == "shear_x") return nn::affine(image, {1, value, 0, 0, 1, 0});
  if (op == "shear_y") return nn::affine(image, {1, 0, 0, value, 1, 0});
  if (op == "translate_x") return nn::affine(image, {1, 0, -value, 0, 1, 0});
  REQUIRE(op == "rotate");
  return nn::rotate(image, value);
}

}  // namespace

TEST_CASE("transforms give Pillow's pixels, all of them") {
  const SafetensorsFile file =
      load_safetensors(std::string(source_root) + "/tests/golden/transforms.safetensors");
  int compared = 0;
  for (const auto& entry : file.tensors) {
    const std::string& name = entry.first;
    const size_t dot = name.find('.');
    if (dot == name.npos || file.metadata.contains(name)) continue;
    CAPTURE(name);
    const nn::Image want = golden(file, name),
                    got = made(golden(file, name.substr(0, dot)), name.substr(dot + 1));
    REQUIRE(got.height == want.height);
    REQUIRE(got.width == want.width);
    CHECK(got == want);
    ++compared;
  }
  CHECK(compared == 2 * 47);
}

TEST_CASE("image processors give the tensors of Transformers and timm") {
  const SafetensorsFile file =
      load_safetensors(std::string(source_root) + "/tests/golden/transforms.safetensors");
  int compared = 0;
  for (const auto& [name, text] : file.metadata) {
    CAPTURE_BOUND(name);
    const nn::ImageProcessor processor = name.starts_with("timm.")
                                             ? nn::parse_timm_processor(text, "golden")
                                             : nn::parse_image_processor(text, "golden").processor;
    const Tensor& want = file.tensors.at(name);
    ++compared;
    REQUIRE(want.shape() ==
            Dims{processor.channels(), processor.out_height(), processor.out_width()});
    std::vector<float> got(size_t(want.numel()));
    processor(golden(file, "rgb"), got.data());
    const std::vector<float> values = want.to_vector();
    for (size_t i = 0; i < got.size(); ++i)
      CHECK(got[i] == doctest::Approx(values[i]).epsilon(1e-5));
    // And by way of the file that a result has.
    const nn::ImageProcessor again =
        nn::parse_image_processor(nn::image_processor_text(processor), "again").processor;
    std::vector<float> same(got.size());
    again(golden(file, "rgb"), same.data());
    CHECK(same == got);
    // Training without changes sees what evaluation sees.
    nn::TrainTransform plain;
    plain.processor = processor;
    Generator generator;
    plain(golden(file, "rgb"), generator, same.data());
    CHECK(same == got);
  }
  CHECK(compared == 38);
}

TEST_CASE("resizing: the whole picture, its own size, one value everywhere, wrong sizes") {
  const nn::Image flat{5, 4, 3, nn::Pixels(60, 77)};
  for (auto kind :
       {nn::Interpolation::nearest, nn::Interpolation::lanczos, nn::Interpolation::bilinear,
        nn::Interpolation::bicubic, nn::Interpolation::box, nn::Interpolation::hamming}) {
    CHECK(nn::resize(flat, 4, 5, kind) == flat);
    CHECK(nn::resize(flat, 9, 3, kind) == nn::Image{3, 9, 3, nn::Pixels(81, 77)});
    CHECK(nn::interpolation(nn::interpolation_name(kind)) == kind);
  }
  const nn::Image shorter = nn::resize_shortest_edge(flat, 10, nn::Interpolation::bilinear);
  CHECK(shorter.height == 10);
  CHECK(shorter.width == 12);  // 12.5, rounded down
  CHECK(nn::resize_shortest_edge({1, 900, 1, nn::Pixels(900)}, 2, nn::Interpolation::bilinear)
            .height == 1800);
  CHECK_THROWS_WITH_AS(nn::resize(flat, 0, 3, nn::Interpolation::bilinear),
                       "resize: expected a height and a width >= 1, got 0x3", ArgumentError);
  CHECK_THROWS_AS(nn::interpolation("cubic"), ArgumentError);
}

TEST_CASE("resizing: nearest adds scale to scale / 2, and ties fall as Pillow's do") {
  const auto places = [](int64_t from, int64_t to) {
    nn::Image row{from, 1, 1, {}};
    for (int64_t i = 0; i < from; ++i) row.pixels.push_back(uint8_t(i));
    return nn::resize(row, 1, to, nn::Interpolation::nearest).pixels;
  };
  using Row = nn::Pixels;
  CHECK(places(2, 7) == Row{0, 0, 0, 0, 1, 1, 1});
  CHECK(places(4, 6) == Row{0, 1, 1, 2, 2, 3});
  CHECK(places(4, 10) == Row{0, 0, 1, 1, 1, 2, 2, 2, 3, 3});
  CHECK(places(6, 9) == Row{0, 1, 1, 2, 2, 3, 4, 5, 5});
}

TEST_CASE("resizing: a window has the pixels of the whole, and costs what it holds") {
  nn::Image image{13, 9, 3, {}};
  for (int i = 0; i < 13 * 9 * 3; ++i) image.pixels.push_back(uint8_t(i * i * 7));
  for (auto kind :
       {nn::Interpolation::nearest, nn::Interpolation::lanczos, nn::Interpolation::bilinear,
        nn::Interpolation::bicubic, nn::Interpolation::box, nn::Interpolation::hamming}) {
    for (const auto& [height, width] : {nn::ImageSize{20, 31}, {4, 6}, {2, 30}, {30, 4}, {9, 13}}) {
      const nn::Image whole = nn::resize(image, height, width, kind);
      for (const nn::Window& w :
           {nn::Window{0, 0, height, width}, {1, 2, height - 1, width - 3}, {0, 1, 1, 1}}) {
        CHECK(nn::resize(image, height, width, kind, w) ==
              nn::crop(whole, w.top, w.left, w.height, w.width));
      }
      for (const auto& [h, w] : {nn::ImageSize{3, 3}, {7, 50}, {40, 5}}) {
        const nn::Window middle = nn::center_window({height, width}, h, w);
        CHECK(nn::center_crop(nn::resize(image, height, width, kind, middle), h, w) ==
              nn::center_crop(whole, h, w));
      }
    }
  }
  CHECK_THROWS_WITH_AS(nn::resize(image, 4, 6, nn::Interpolation::bilinear, {0, 2, 4, 5}),
                       "resize: expected a window inside the image of 4x6, got 4x5 from 0, 2 on",
                       ArgumentError);
  // The whole would have 2^40 pixels.
  nn::ImageProcessor p = nn::image_processor_for(4, 4, 1);
  p.do_center_crop = true;
  p.shortest_edge = 8192;
  nn::Image thin{16384, 1, 1, nn::Pixels(16384)};
  std::fill_n(thin.pixels.begin() + 8188, 8, uint8_t(200));
  for (auto kind : {nn::Interpolation::nearest, nn::Interpolation::bicubic}) {
    p.resample = kind;
    CHECK(p.geometry(thin) == nn::Image{4, 4, 1, nn::Pixels(16, 200)});
  }
}

TEST_CASE("crops: inside, across the border, the middle; a flip") {
  const nn::Image image{3, 2, 1, {1, 2, 3, 4, 5, 6}};
  CHECK(nn::crop(image, 0, 1, 2, 2) == nn::Image{2, 2, 1, {2, 3, 5, 6}});
  CHECK(nn::crop(image, -1, -1, 2, 2, 9) == nn::Image{2, 2, 1, {9, 9, 9, 1}});
  CHECK(nn::crop(image, 1, 2, 2, 2) == nn::Image{2, 2, 1, {6, 0, 0, 0}});
  CHECK(nn::crop(image, 5, 5, 1, 1, 7) == nn::Image{1, 1, 1, {7}});
  CHECK(nn::center_crop(image, 2, 1) == nn::Image{1, 2, 1, {2, 5}});
  CHECK(nn::center_crop(image, 1, 2) == nn::Image{2, 1, 1, {1, 2}});  // 0.5 rows, 0.5 columns: 0
  CHECK(nn::center_crop({5, 1, 1, {1, 2, 3, 4, 5}}, 1, 2) == nn::Image{2, 1, 1, {2, 3}});  // 1.5: 1
  CHECK(nn::center_crop(image, 2, 5) == nn::Image{5, 2, 1, {0, 1, 2, 3, 0, 0, 4, 5, 6, 0}});
  // Margins of 0.5, 1.5, 2.5 and 3.5 columns, and of -0.5 and -1.5.
  using enum nn::CropRounding;
  const nn::Image row{8, 1, 1, {0, 1, 2, 3, 4, 5, 6, 7}};
  const auto first = [&](int64_t width, nn::CropRounding rounding) {
    return int(nn::center_crop(row, 1, width, rounding).pixels[0]);
  };
  const auto zeros = [&](int64_t width, nn::CropRounding rounding) {
    return nn::center_crop({1, 1, 1, {9}}, 1, width, rounding).pixels;
  };
  for (const auto rounding : {down, toward_zero, half_even}) {
    const bool even = rounding == half_even;
    CHECK(first(7, rounding) == 0);
    CHECK(first(5, rounding) == (even ? 2 : 1));
    CHECK(first(3, rounding) == 2);
    CHECK(first(1, rounding) == (even ? 4 : 3));
    CHECK(first(6, rounding) == 1);
    CHECK(zeros(2, rounding) == (rounding == down ? nn::Pixels{0, 9} : nn::Pixels{9, 0}));
    CHECK(zeros(4, rounding) ==
          (rounding == down ? nn::Pixels{0, 0, 9, 0} : nn::Pixels{0, 9, 0, 0}));
  }
  CHECK(nn::hflip(image) == nn::Image{3, 2, 1, {3, 2, 1, 6, 5, 4}});
  CHECK(nn::hflip(nn::with_channels(image, 3)) == nn::with_channels(nn::hflip(image), 3));
  CHECK_THROWS_AS(nn::crop(image, 0, 0, 0, 1), ArgumentError);
}

TEST_CASE("colours at their limits: factor 1, no contrast to stretch, all bits or none") {
  const nn::Image flat{4, 4, 3, nn::Pixels(48, 90)};
  nn::Image some{4, 4, 3, {}};
  for (int i = 0; i < 48; ++i) some.pixels.push_back(uint8_t(i * 5));
  for (auto* adjust :
       {nn::adjust_brightness, nn::adjust_color, nn::adjust_contrast, nn::adjust_sharpness})
    CHECK(adjust(some, 1) == some);
  CHECK(nn::autocontrast(flat) == flat);
  // 255 * 25 / 25 and 255 * 3 / 45 in Pillow's floating point fall short of whole numbers.
  CHECK(nn::autocontrast({2, 1, 1, {0, 25}}) == nn::Image{2, 1, 1, {0, 254}});
  CHECK(nn::autocontrast({3, 1, 1, {0, 3, 45}}) == nn::Image{3, 1, 1, {0, 17, 255}});
  CHECK(nn::equalize(flat) == flat);
  CHECK(nn::posterize(some, 8) == some);
  CHECK(nn::posterize(some, 0).pixels == nn::Pixels(48, 0));
  CHECK(nn::solarize(some, 256) == some);
  CHECK(nn::solarize(flat, 0).pixels == nn::Pixels(48, 165));
}

}  // namespace papilio::test
