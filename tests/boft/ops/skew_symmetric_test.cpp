#include "boft/ops/skew_symmetric.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

Sample sample(const char* label, const Dims& shape, int64_t b) {
  return {label,
          {uniform64(shape)},
          [=](const Tensors& in) { return skew_symmetric(in[0], b); },
          [=](const Tensors& in) {
            const auto upper = in[0].to_vector<double>();
            const int64_t n = b * (b - 1) / 2, count = n > 0 ? in[0].numel() / n : in[0].size(0);
            std::vector<double> a(size_t(count * b * b), 0.);
            for (int64_t m = 0; m < count; ++m) {
              auto next = upper.begin() + m * n;
              for (int64_t i = 0; i < b; ++i)
                for (int64_t j = i + 1; j < b; ++j, ++next) {
                  a[size_t((m * b + i) * b + j)] = *next;
                  a[size_t((m * b + j) * b + i)] = -*next;
                }
            }
            return a;
          }};
}

}  // namespace

TEST_CASE("skew_symmetric") {
  run({.name = "skew_symmetric",
       .samples = {sample("one matrix", {6}, 4), sample("a batch", {3, 10}, 5),
                   sample("many dimensions", {2, 3, 1}, 2), sample("no matrices", {0, 6}, 4),
                   sample("b = 1", {3, 0}, 1)},
       .errors = {{"another size",
                   [] {
                     skew_symmetric(ones({2, 5}), 4);
                   },
                   "skew_symmetric: expected upper of shape (..., 6) for b = 4, got (2, 5)"},
                  {"0-d", [] { skew_symmetric(scalar(1), 2); },
                   "skew_symmetric: expected upper of shape (..., 1) for b = 2, got ()"},
                  {"integers", [] { skew_symmetric(ones({6}, {.dtype = DType::int64}), 4); },
                   "skew_symmetric: expected a floating upper, got int64"},
                  {"undefined", [] { skew_symmetric(Tensor(), 4); },
                   "skew_symmetric: upper is undefined"}}});
}

TEST_CASE("upper_triangle") {
  run({.name = "upper_triangle",
       .samples = {{"a batch",
                    {uniform64({2, 3, 3})},
                    [](const Tensors& in) { return upper_triangle(in[0]); },
                    [](const Tensors& in) {
                      const auto a = in[0].to_vector<double>();
                      return std::vector<double>{a[1], a[2], a[5], a[10], a[11], a[14]};
                    }}},
       .errors = {{"not square",
                   [] {
                     upper_triangle(ones({2, 3}));
                   },
                   "upper_triangle: expected a of shape (..., b, b), got (2, 3)"}},
       // The diagonal and what lies below it are not read.
       .propagates_nan = false});
}

TEST_CASE("upper_triangle takes back what skew_symmetric made") {
  const Tensor upper = uniform64({3, 15});
  CHECK(upper_triangle(skew_symmetric(upper, 6)).to_vector<double>() == upper.to_vector<double>());
}

}  // namespace papilio::test
