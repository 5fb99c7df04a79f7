#include "autograd/ops/upsample_nearest2d.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

std::vector<double> reference(const Tensors& in, Pair size) {
  const auto x = in[0].to_vector<double>();
  const Dims n = in[0].shape();
  std::vector<double> y;
  for (int64_t c = 0; c < n[0] * n[1]; ++c)
    for (int64_t p = 0; p < size.h; ++p)
      for (int64_t q = 0; q < size.w; ++q)
        y.push_back(x[size_t((c * n[2] + p * n[2] / size.h) * n[3] + q * n[3] / size.w)]);
  return y;
}

Sample sample(const char* label, const Dims& x, Pair size) {
  return {label,
          {uniform64(x)},
          [=](const Tensors& in) { return upsample_nearest2d(in[0], size); },
          [=](const Tensors& in) { return reference(in, size); }};
}

}  // namespace

TEST_CASE("upsample_nearest2d") {
  run({.name = "upsample_nearest2d",
       .samples = {sample("twice", {2, 3, 4, 5}, {8, 10}), sample("the same", {1, 2, 3, 3}, 3),
                   sample("no whole multiples", {2, 1, 3, 4}, {5, 7}),
                   sample("one pixel", {1, 2, 1, 1}, {3, 4}),
                   sample("three times and twice", {1, 2, 2, 3}, {6, 6}),
                   sample("no images", {0, 2, 4, 4}, 8), sample("no channels", {2, 0, 4, 4}, 8)},
       .errors = {{"x",
                   [] {
                     upsample_nearest2d(ones({4, 4}), 8);
                   },
                   "upsample_nearest2d: expected x of shape (B, C, H, W) with pixels, got (4, 4)"},
                  {"no pixels",
                   [] {
                     upsample_nearest2d(ones({1, 1, 0, 4}), 8);
                   },
                   "upsample_nearest2d: expected x of shape (B, C, H, W) with pixels, got (1, 1, "
                   "0, 4)"},
                  {"smaller",
                   [] {
                     upsample_nearest2d(ones({1, 1, 4, 4}), {8, 3});
                   },
                   "upsample_nearest2d: expected a size of at least (4, 4), got (8, 3)"},
                  {"integers",
                   [] {
                     upsample_nearest2d(ones({1, 1, 2, 2}, {.dtype = DType::int64}), 4);
                   },
                   "upsample_nearest2d: expected a floating x, got int64"}}});
}

}  // namespace papilio::test
