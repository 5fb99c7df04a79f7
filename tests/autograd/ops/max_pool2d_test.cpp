#include "autograd/ops/max_pool2d.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

std::vector<double> reference(const Tensors& in, const MaxPool2dOptions& o) {
  const auto x = in[0].to_vector<double>();
  const Dims n = in[0].shape();
  const int64_t OH = (n[2] + 2 * o.padding.h - o.kernel_size.h) / o.stride.h + 1;
  const int64_t OW = (n[3] + 2 * o.padding.w - o.kernel_size.w) / o.stride.w + 1;
  std::vector<double> y;
  for (int64_t c = 0; c < n[0] * n[1]; ++c)
    for (int64_t p = 0; p < OH; ++p)
      for (int64_t q = 0; q < OW; ++q) {
        double largest = -INFINITY;
        for (int64_t i = 0; i < o.kernel_size.h; ++i)
          for (int64_t j = 0; j < o.kernel_size.w; ++j) {
            const int64_t h = p * o.stride.h + i - o.padding.h;
            const int64_t w = q * o.stride.w + j - o.padding.w;
            if (h < 0 || h >= n[2] || w < 0 || w >= n[3]) continue;
            largest = std::max(largest, x[size_t((c * n[2] + h) * n[3] + w)]);
          }
        y.push_back(largest);
      }
  return y;
}

Sample sample(const char* label, const Dims& x, MaxPool2dOptions o) {
  return {label,
          {uniform64(x)},
          [=](const Tensors& in) { return max_pool2d(in[0], o); },
          [=](const Tensors& in) { return reference(in, o); }};
}

Tensor images(int64_t h, int64_t w) {
  return ones({1, 1, h, w});
}

}  // namespace

TEST_CASE("max_pool2d") {
  run({.name = "max_pool2d",
       .samples = {sample("plain", {2, 3, 4, 6}, {}),
                   sample("CCT's", {2, 2, 8, 7}, {.kernel_size = 3, .stride = 2, .padding = 1}),
                   sample("overlapping", {1, 2, 5, 5}, {.kernel_size = 3, .stride = 1}),
                   sample("stride 1, padded", {1, 2, 5, 37},
                          {.kernel_size = 3, .stride = 1, .padding = 1}),
                   sample("stride 3, padded", {1, 2, 9, 70},
                          {.kernel_size = 3, .stride = 3, .padding = 1}),
                   sample("a wide row", {1, 1, 6, 90},
                          {.kernel_size = 3, .stride = 2, .padding = 1}),
                   sample("edges left over", {1, 1, 5, 7},
                          {.kernel_size = {2, 3}, .stride = {2, 3}}),
                   sample("gaps", {1, 1, 7, 7}, {.kernel_size = 1, .stride = 3}),
                   sample("one window", {2, 1, 3, 4}, {.kernel_size = {3, 4}, .stride = 1}),
                   sample("no images", {0, 2, 4, 4}, {}), sample("no channels", {2, 0, 4, 4}, {})},
       .errors = {
           {"x",
            [] {
              max_pool2d(ones({4, 4}));
            },
            "max_pool2d: expected x of shape (B, C, H, W), got (4, 4)"},
           {"kernel", [] { max_pool2d(images(4, 4), {.kernel_size = 0}); },
            "max_pool2d: expected a kernel of at least 1, got (0, 0)"},
           {"large kernel", [] { max_pool2d(images(4, 2), {.kernel_size = 3}); },
            "max_pool2d: expected a kernel no larger than the padded input (4, 2), got (3, 3)"},
           {"stride",
            [] {
              max_pool2d(images(4, 4), {.stride = {1, 0}});
            },
            "max_pool2d: expected a stride of at least 1, got (1, 0)"},
           {"padding", [] { max_pool2d(images(4, 4), {.kernel_size = 3, .padding = 2}); },
            "max_pool2d: expected a padding from 0 to half the kernel, got (2, 2)"},
           {"empty", [] { max_pool2d(images(0, 4)); },
            "max_pool2d: expected images of 1 to 2^31 - 1 pixels, got (1, 1, 0, 4)"},
           {"integers",
            [] {
              max_pool2d(ones({1, 1, 4, 4}, {.dtype = DType::int64}));
            },
            "max_pool2d: expected a floating x, got int64"}}});
}

TEST_CASE("max_pool2d: of equal elements the first has the gradient, of NaNs too") {
  const Tensor x = leaf(images(2, 4));
  backward(max_pool2d(x), ones({1, 1, 1, 2}));
  CHECK(grad(x).to_vector() == std::vector<float>{1, 0, 1, 0, 0, 0, 0, 0});
  const Tensor n = leaf(tensor<float>({5, NAN, NAN, 7}, {1, 1, 2, 2}));
  backward(max_pool2d(n), ones({1, 1, 1, 1}));
  CHECK(grad(n).to_vector() == std::vector<float>{0, 1, 0, 0});
  const Tensor low =
      leaf(tensor<float>({-INFINITY, -INFINITY, -INFINITY, -INFINITY}, {1, 1, 2, 2}));
  backward(max_pool2d(low), ones({1, 1, 1, 1}));
  CHECK(grad(low).to_vector() == std::vector<float>{1, 0, 0, 0});
  // Windows enough for vectors, a NaN and a 7 in some.
  std::vector<float> row(80, 1), want(80, 0);
  for (size_t q = 0; q < 40; ++q) {
    const bool second = q % 3 != 0;
    if (second) row[2 * q + 1] = q % 3 == 1 ? NAN : 7;
    want[2 * q + size_t(second)] = 1;
  }
  const Tensor wide = leaf(tensor<float>(row, {1, 1, 1, 80}));
  backward(max_pool2d(wide, {.kernel_size = {1, 2}}), ones({1, 1, 1, 40}));
  CHECK(grad(wide).to_vector() == want);
}

TEST_CASE("max_pool2d: of equal elements in several rows the first in reading order") {
  constexpr int64_t H = 9, W = 37, kH = 4, kW = 37;
  // Small whole numbers and some NaN: nearly every window has its largest several times.
  std::vector<float> values(H * W), want(H * W, 0);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = i % 23 == 5 ? NAN : float(i * i * 7 / 5 % 4);
  for (int64_t p = 0; p < kH; ++p)
    for (int64_t q = 0; q < kW; ++q) {
      int64_t best = -1;
      for (int64_t h = 2 * p; h < 2 * p + 3; ++h)
        for (int64_t w = std::max<int64_t>(q - 1, 0); w < std::min(q + 2, W); ++w) {
          const float value = values[size_t(h * W + w)];
          const float old = best < 0 ? 0 : values[size_t(best)];
          if (best < 0 || value > old || (std::isnan(value) && !std::isnan(old))) best = h * W + w;
        }
      want[size_t(best)] += 1;
    }
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    const Tensor x = leaf(copy_of(tensor<float>(values, {1, 1, H, W}), dtype));
    const Tensor y = max_pool2d(x, {.kernel_size = 3, .stride = {2, 1}, .padding = {0, 1}});
    REQUIRE(y.shape() == Dims{1, 1, kH, kW});
    backward(y, ones(y.shape(), {.dtype = dtype}));
    CHECK(copy_of(grad(x), DType::float32).to_vector() == want);
  }
}

}  // namespace papilio::test
