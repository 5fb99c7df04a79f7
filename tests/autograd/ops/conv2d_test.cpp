#include "autograd/ops/conv2d.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "kernels/products.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

// Seven plain loops.
std::vector<double> reference(const Tensors& in, const Conv2dOptions& o) {
  const auto x = in[0].to_vector<double>(), w = in[1].to_vector<double>();
  const auto bias = in.size() > 2 ? in[2].to_vector<double>() : std::vector<double>();
  const Dims n = in[0].shape(), k = in[1].shape();
  const int64_t OH = (n[2] + 2 * o.padding.h - o.dilation.h * (k[2] - 1) - 1) / o.stride.h + 1;
  const int64_t OW = (n[3] + 2 * o.padding.w - o.dilation.w * (k[3] - 1) - 1) / o.stride.w + 1;
  std::vector<double> y;
  for (int64_t b = 0; b < n[0]; ++b)
    for (int64_t out = 0; out < k[0]; ++out)
      for (int64_t p = 0; p < OH; ++p)
        for (int64_t q = 0; q < OW; ++q) {
          double sum = bias.empty() ? 0 : bias[size_t(out)];
          const int64_t group = out / (k[0] / o.groups);
          for (int64_t c = 0; c < k[1]; ++c)
            for (int64_t i = 0; i < k[2]; ++i)
              for (int64_t j = 0; j < k[3]; ++j) {
                const int64_t h = p * o.stride.h + i * o.dilation.h - o.padding.h;
                const int64_t v = q * o.stride.w + j * o.dilation.w - o.padding.w;
                if (h < 0 || h >= n[2] || v < 0 || v >= n[3]) continue;
                const int64_t channel = group * k[1] + c;
                sum += x[size_t(((b * n[1] + channel) * n[2] + h) * n[3] + v)] *
                       w[size_t(((out * k[1] + c) * k[2] + i) * k[3] + j)];
              }
          y.push_back(sum);
        }
  return y;
}

Sample sample(const char* label, const Dims& x, const Dims& w, bool bias, Conv2dOptions o = {}) {
  Tensors inputs{uniform64(x, -1, 1, 1), uniform64(w, -1, 1, 2)};
  if (bias) inputs.push_back(uniform64({w[0]}, -1, 1, 3));
  return {
      label, inputs,
      [=](const Tensors& in) { return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), o); },
      [=](const Tensors& in) { return reference(in, o); }};
}

Tensor ones4(int64_t b, int64_t c, int64_t h, int64_t w) {
  return ones({b, c, h, w});
}

}  // namespace

TEST_CASE("conv2d") {
  run({.name = "conv2d",
       .samples =
           {sample("plain", {2, 3, 5, 6}, {4, 3, 3, 2}, true),
            sample("no bias", {2, 3, 5, 6}, {4, 3, 3, 2}, false),
            sample("padding", {1, 2, 4, 4}, {3, 2, 3, 3}, true, {.padding = 1}),
            sample("wide padding", {1, 1, 2, 2}, {1, 1, 3, 3}, true, {.padding = {4, 3}}),
            sample("stride", {2, 2, 7, 8}, {3, 2, 3, 3}, true, {.stride = {2, 3}}),
            sample("stride beyond the kernel", {1, 1, 7, 9}, {2, 1, 2, 2}, true, {.stride = 4}),
            sample("dilation", {1, 2, 7, 8}, {2, 2, 3, 2}, true, {.dilation = {2, 3}}),
            sample("all together", {2, 4, 9, 8}, {6, 2, 3, 2}, true,
                   {.stride = {2, 1}, .padding = {1, 2}, .dilation = {2, 3}, .groups = 2}),
            sample("each channel alone", {1, 3, 5, 5}, {3, 1, 3, 3}, true,
                   {.padding = 1, .groups = 3}),
            sample("two outputs a channel", {1, 2, 4, 4}, {4, 1, 3, 3}, false, {.groups = 2}),
            sample("1 x 1", {2, 3, 3, 4}, {5, 3, 1, 1}, true),
            sample("1 x 1, stride 2", {1, 2, 5, 5}, {2, 2, 1, 1}, true, {.stride = 2}),
            sample("kernel as large as the input", {2, 2, 3, 4}, {2, 2, 3, 4}, true),
            sample("patches", {2, 3, 4, 6}, {5, 3, 2, 3}, true, {.stride = {2, 3}}),
            sample("patches, edge left over", {2, 1, 5, 7}, {3, 1, 2, 3}, true, {.stride = {2, 3}}),
            sample("several tiles", {1, 1, 40, 60}, {1, 1, 1, 37}, false, {.padding = {0, 18}}),
            sample("no images", {0, 2, 4, 4}, {3, 2, 3, 3}, true),
            sample("no images, patches", {0, 2, 4, 4}, {3, 2, 2, 2}, true, {.stride = 2}),
            sample("no channels", {1, 0, 3, 3}, {2, 0, 2, 2}, true),
            sample("no outputs", {1, 2, 3, 3}, {0, 2, 2, 2}, true)},
       .errors = {
           {"x", [] { conv2d(ones({3, 4, 4}), ones4(1, 3, 2, 2)); },
            "conv2d: expected x of shape (B, C, H, W), got (3, 4, 4)"},
           {"weight", [] { conv2d(ones4(1, 3, 4, 4), ones({1, 3, 2})); },
            "conv2d: expected weight of shape (O, C / groups, kh, kw), got (1, 3, 2)"},
           {"empty kernel", [] { conv2d(ones4(1, 3, 4, 4), ones4(1, 3, 0, 2)); },
            "conv2d: expected weight of shape (O, C / groups, kh, kw), got (1, 3, 0, 2)"},
           {"channels", [] { conv2d(ones4(1, 4, 4, 4), ones4(4, 3, 2, 2), {}, {.groups = 2}); },
            "conv2d: expected x with 6 channels (weight (4, 3, 2, 2), groups 2), got (1, 4, 4, 4)"},
           {"groups of x", [] { conv2d(ones4(1, 3, 4, 4), ones4(4, 1, 2, 2), {}, {.groups = 2}); },
            "conv2d: expected groups to divide the 3 input channels, got 2"},
           {"groups of w", [] { conv2d(ones4(1, 4, 4, 4), ones4(3, 2, 2, 2), {}, {.groups = 2}); },
            "conv2d: expected groups to divide the 3 output channels, got 2"},
           {"no groups", [] { conv2d(ones4(1, 4, 4, 4), ones4(3, 2, 2, 2), {}, {.groups = 0}); },
            "conv2d: expected at least 1 group, got 0"},
           {"stride", [] { conv2d(ones4(1, 1, 4, 4), ones4(1, 1, 2, 2), {}, {.stride = {1, 0}}); },
            "conv2d: expected a stride of at least 1, got (1, 0)"},
           {"dilation", [] { conv2d(ones4(1, 1, 4, 4), ones4(1, 1, 2, 2), {}, {.dilation = 0}); },
            "conv2d: expected a dilation of at least 1, got (0, 0)"},
           {"padding", [] { conv2d(ones4(1, 1, 4, 4), ones4(1, 1, 2, 2), {}, {.padding = -1}); },
            "conv2d: expected a padding of at least 0, got (-1, -1)"},
           {"kernel",
            [] { conv2d(ones4(1, 1, 4, 2), ones4(1, 1, 3, 3), {}, {.dilation = {2, 1}}); },
            "conv2d: expected a kernel (dilated) no larger than the padded input (4, 2), got (5, "
            "3)"},
           {"bias", [] { conv2d(ones4(1, 1, 4, 4), ones4(2, 1, 2, 2), ones({3})); },
            "conv2d: expected bias of shape (2), got (3)"},
           {"integers",
            [] { conv2d(ones({1, 1, 4, 4}, {.dtype = DType::int64}), ones4(1, 1, 2, 2)); },
            "conv2d: expected a floating x, got int64"},
           {"dtypes",
            [] { conv2d(ones4(1, 1, 4, 4), ones({1, 1, 2, 2}, {.dtype = DType::float64})); },
            "conv2d: expected tensors of one dtype, got float32 and float64"},
           {"more places than BLAS counts",
            [] {
              constexpr int64_t side = 1 << 16;
              conv2d(ones({1}).alias({{1, 1, side, side}, {0, 0, 0, 0}, 0}), ones4(1, 1, 2, 2));
            },
            "conv2d: expected matrix sizes below 2^31, got (1, 4294836225)"},
           {"undefined", [] { conv2d({}, ones4(1, 1, 2, 2)); }, "conv2d: x is undefined"}}});
}

TEST_CASE("conv2d of patches lies in memory token by token") {
  const Tensor y = conv2d(ones4(2, 3, 8, 8), ones4(5, 3, 4, 4), {}, {.stride = 4});
  CHECK(y.shape() == Dims{2, 5, 2, 2});
  CHECK(y.alias(y.layout().permute("test", {0, 2, 3, 1})).is_contiguous());
}

// Large enough that several threads take part and an image has several tiles.
TEST_CASE("conv2d: float32 gradients of a large convolution agree with float64") {
  const Conv2dOptions o{.stride = {1, 2}, .padding = 1, .groups = 2};
  Tensors in64{uniform64({6, 16, 34, 30}, -1, 1, 1), uniform64({24, 8, 3, 3}, -1, 1, 2),
               uniform64({24}, -1, 1, 3)};
  const Tensor dy = uniform64({6, 24, 34, 15}, -1, 1, 4);
  std::vector<Tensor> wide, narrow;
  for (const Tensor& x : in64) {
    wide.push_back(leaf(copy_of(x)));
    narrow.push_back(leaf(copy_of(x, DType::float32)));
  }
  const Tensor y = conv2d(narrow[0], narrow[1], narrow[2], o);
  const auto want = reference(in64, o), got = y.to_vector<double>();
  for (size_t i = 0; i < want.size(); ++i) REQUIRE(std::abs(got[i] - want[i]) < 1e-4);
  backward(conv2d(wide[0], wide[1], wide[2], o), dy);
  backward(y, copy_of(dy, DType::float32));
  for (size_t k = 0; k < 3; ++k) {
    const auto a = grad(wide[k]).to_vector<double>(), b = grad(narrow[k]).to_vector<double>();
    for (size_t i = 0; i < a.size(); ++i) REQUIRE(std::abs(a[i] - b[i]) < 1e-3);
  }
}

// So large a weight that the threads share its rows, over several tiles.
TEST_CASE("conv2d: a large weight gives what its parts give") {
  const Conv2dOptions o{.stride = {1, 2}, .padding = 1, .groups = 2};
  const Tensors in{uniform64({1, 512, 90, 88}, -1, 1, 1), uniform64({520, 256, 3, 3}, -.1, .1, 2),
                   uniform64({520}, -1, 1, 3)};
  const Tensor dy = uniform64({1, 520, 90, 44}, -1, 1, 4);
  // The second group, whose rows are five small weights.
  const Conv2dOptions one{.stride = o.stride, .padding = 1};
  const Tensor x = leaf(copy_of(slice(in[0], 1, 256)));
  std::vector<Tensor> parts;
  for (int64_t row = 260; row < 520; row += 52)
    parts.push_back(conv2d(x, slice(in[1], 0, row, row + 52), slice(in[2], 0, row, row + 52), one));
  const Tensor want = concat(parts, 1);
  backward(want, slice(dy, 1, 260));
  const auto near = [](const Tensor& a, const Tensor& b, double by) {
    const auto got = a.to_vector<double>(), right = b.to_vector<double>();
    REQUIRE(got.size() == right.size());
    for (size_t i = 0; i < got.size(); ++i) REQUIRE(std::abs(got[i] - right[i]) < by);
  };
  for (const DType dtype : {DType::float64, DType::float32, DType::bfloat16}) {
    CAPTURE(int(dtype));
    const double by = dtype == DType::float64 ? 1e-12 : dtype == DType::float32 ? 1e-4 : 0.15;
    const Tensor other = leaf(copy_of(in[0], dtype));
    const Tensor y = conv2d(other, copy_of(in[1], dtype), copy_of(in[2], dtype), o);
    near(slice(y, 1, 260), want, by);
    backward(y, copy_of(dy, dtype));
    near(slice(grad(other), 1, 256), grad(x), by);
  }
}

// Sizes of which oneDNN takes several pieces of the batch.
TEST_CASE("conv2d: oneDNN and the house's own products agree, and each repeats its bits") {
  if (!why_no_onednn().empty()) return;
  struct Case {
    Dims x, w;
    Conv2dOptions options;
    bool bias;
  };
  const Case cases[] = {{{70, 3, 32, 32}, {64, 3, 3, 3}, {.padding = 1}, false},
                        {{9, 64, 16, 16}, {40, 64, 3, 3}, {.padding = 1}, true},
                        {{70, 24, 33, 30}, {36, 12, 3, 2}, {{1, 2}, {2, 1}, {2, 1}, 2}, true},
                        {{1, 512, 40, 20}, {256, 512, 1, 1}, {.stride = 2}, true}};
  const auto run = [](const Case& c, DType dtype, Products products) {
    const ProductsScope scope(products);
    const Tensor x = leaf(copy_of(uniform64(c.x, -1, 1, 1), dtype));
    const Tensor w = leaf(copy_of(uniform64(c.w, -1, 1, 2), dtype));
    const Tensor bias = c.bias ? copy_of(uniform64({c.w[0]}, -1, 1, 3), dtype) : Tensor();
    const Tensor y = conv2d(x, w, bias, c.options);
    backward(y, copy_of(uniform64(y.shape(), -1, 1, 4), dtype));
    return std::vector{y.to_vector<double>(), grad(x).to_vector<double>(),
                       grad(w).to_vector<double>()};
  };
  for (const Case& c : cases)
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
      CAPTURE(&c - cases);
      CAPTURE(dtype);
      const auto want = run(c, dtype, Products::openblas);
      const auto got = run(c, dtype, Products::onednn_float32);
      if (multiplies_bfloat16()) CHECK(got != want);  // else both are ours
      CHECK(run(c, dtype, Products::onednn_float32) == got);
      for (size_t k = 0; k < 3; ++k) {
        // Relative to the largest: float32 sums differ in their order, bfloat16 is rounded once.
        double largest = 0, difference = 0;
        for (size_t i = 0; i < want[k].size(); ++i) {
          largest = std::max(largest, std::abs(want[k][i]));
          difference = std::max(difference, std::abs(want[k][i] - got[k][i]));
        }
        CAPTURE(k);
        CHECK(difference <= largest * (dtype == DType::float32 ? 4e-6 : 8e-3));
      }
    }
}

}  // namespace papilio::test
