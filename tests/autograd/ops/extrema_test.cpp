#include "autograd/ops/extrema.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tests/autograd/ops/elementwise_reference.h"

namespace papilio::test {

namespace {

using Binary = Tensor (*)(const Tensor&, const Tensor&);

const double kNaN = std::nan("");

void check_nan_and_ties(Binary f) {
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16}) {
    const Tensor number = scalar(1, {.dtype = dtype}), nan = scalar(kNaN, {.dtype = dtype});
    CHECK(std::isnan(f(number, nan).item()));
    CHECK(std::isnan(f(nan, number).item()));
  }
  const Tensor a = leaf(tensor<double>({1, 2, 3})), b = leaf(tensor<double>({1, 2, 3}));
  backward(f(a, b), tensor<double>({2, 4, 6}));
  CHECK(grad(a).to_vector<double>() == std::vector<double>{1, 2, 3});
  CHECK(grad(b).to_vector<double>() == std::vector<double>{1, 2, 3});
}

}  // namespace

TEST_CASE("maximum") {
  run({.name = "maximum",
       .samples = zip_samples(
           maximum, [](double a, double b) { return a > b ? a : b; }, -1, 1, -1, 1),
       .errors = {{"dtypes", [] { maximum(scalar(1), arange(2)); },
                   "maximum: expected tensors of one dtype, got float32 and int64"}}});
  check_nan_and_ties(maximum);
  CHECK(maximum(int64s({1, 5}), int64s({3, 2})).to_vector<int64_t>() == std::vector<int64_t>{3, 5});
}

TEST_CASE("minimum") {
  run({.name = "minimum",
       .samples = zip_samples(
           minimum, [](double a, double b) { return a < b ? a : b; }, -1, 1, -1, 1),
       .errors = {{"bool",
                   [] {
                     minimum(zeros({1}, {.dtype = DType::boolean}),
                             zeros({1}, {.dtype = DType::boolean}));
                   },
                   "minimum: expected a floating, int64 or int32 tensor, got bool"}}});
  check_nan_and_ties(minimum);
  CHECK(minimum(int64s({1, 5}), int64s({3, 2})).to_vector<int64_t>() == std::vector<int64_t>{1, 2});
}

TEST_CASE("clamp") {
  auto samples = map_samples([](const Tensor& x) { return clamp(x, -0.5, 0.75); },
                             [](double x) { return std::fmin(std::fmax(x, -0.5), 0.75); }, -2, 2);
  for (auto& s : map_samples([](const Tensor& x) { return clamp(x, 0.25); },
                             [](double x) { return std::fmax(x, 0.25); }, -2, 2)) {
    samples.push_back(s);
  }
  run({.name = "clamp",
       .samples = samples,
       .errors = {{"NaN", [] { clamp(scalar(1), kNaN, 2); },
                   "clamp: expected numbers as limits, got nan and 2"},
                  {"fraction", [] { clamp(arange(3), 0, 1.5); },
                   "clamp: expected a whole number for int64, got 1.5"}}});
  CHECK(clamp(int64s({-9, 3, 9}), -4).to_vector<int64_t>() == std::vector<int64_t>{-4, 3, 9});
  CHECK(clamp(int64s({-9, 3, 9}), 0, 5).to_vector<int64_t>() == std::vector<int64_t>{0, 3, 5});
  CHECK(clamp(scalar(7), 3, 2).item() == 2);
  // At the limits themselves the gradient passes.
  const Tensor x = leaf(tensor<double>({-1, 0, 1, 2, kNaN}));
  backward(clamp(x, 0, 1), ones_like(x));
  CHECK(grad(x).to_vector<double>() == std::vector<double>{0, 1, 1, 0, 0});
}

}  // namespace papilio::test
