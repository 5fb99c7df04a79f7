#include "autograd/ops/math.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tests/autograd/ops/elementwise_reference.h"

namespace papilio::test {

namespace {

// An OpCase for a function of one floating tensor.
OpCase floating(const char* name, Tensor (*f)(const Tensor&), double (*reference)(double),
                double low, double high) {
  return {.name = name,
          .samples = map_samples(f, reference, low, high),
          .errors = {
              {"integers", [f] { f(arange(3)); }, str(name, ": expected a floating x, got int64")},
              {"undefined", [f] { f(Tensor()); }, str(name, ": x is undefined")}}};
}

double gradient_at(Tensor (*f)(const Tensor&), double x) {
  const Tensor leaf_x = leaf(scalar(x, {.dtype = DType::float64}));
  backward(f(leaf_x));
  return grad(leaf_x).item();
}

}  // namespace

TEST_CASE("exp") {
  run(floating("exp", exp, std::exp, -5, 5));
}

TEST_CASE("log") {
  run(floating("log", log, std::log, 0.1, 9));
}

TEST_CASE("sin") {
  run(floating("sin", sin, std::sin, -7, 7));
}

TEST_CASE("cos") {
  run(floating("cos", cos, std::cos, -7, 7));
}

TEST_CASE("sqrt") {
  run(floating("sqrt", sqrt, std::sqrt, 0.1, 9));
}

TEST_CASE("tanh") {
  run(floating("tanh", tanh, std::tanh, -4, 4));
}

TEST_CASE("abs") {
  run({.name = "abs",
       .samples = map_samples(
           abs, [](double x) { return std::fabs(x); }, -3, 3),
       .errors = {{"uint8", [] { abs(zeros({2}, {.dtype = DType::uint8})); },
                   "abs: expected a floating, int64 or int32 tensor, got uint8"}}});
  CHECK(abs(int64s({-3, 0, 4})).to_vector<int64_t>() == std::vector<int64_t>{3, 0, 4});
  CHECK(gradient_at(abs, 0) == 0);
}

TEST_CASE("pow with a number") {
  for (double p : {-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 2.7}) {
    INFO("exponent ", p);
    run({.name = "pow",
         .samples = map_samples([p](const Tensor& x) { return pow(x, p); },
                                [p](double x) { return std::pow(x, p); }, 0.3, 3),
         .errors = {{"integers", [p] { pow(arange(3), p); },
                     "pow: expected a floating x, got int64"}},
         .propagates_nan = p != 0});
  }
  const Tensor x = leaf(tensor<double>({-2, 0, 2}));
  backward(pow(x, 2), ones_like(x));
  CHECK(grad(x).to_vector<double>() == std::vector<double>{-4, 0, 4});
  zero_grad(x);
  backward(pow(x, 0), ones_like(x));
  CHECK(grad(x).to_vector<double>() == std::vector<double>{0, 0, 0});
}

TEST_CASE("pow with a tensor") {
  run({.name = "pow",
       .samples = zip_samples([](const Tensor& a, const Tensor& b) { return pow(a, b); },
                              [](double a, double b) { return std::pow(a, b); }, 0.3, 3, -2, 2),
       .errors = {{"integers", [] { pow(arange(3), arange(3)); },
                   "pow: expected a floating x, got int64"}}});
  // 0^0 and 0^2: no NaN from 0 * log 0.
  const Tensor a = leaf(tensor<double>({0, 0})), b = leaf(tensor<double>({0, 2}));
  backward(pow(a, b), ones_like(a));
  CHECK(grad(a).to_vector<double>() == std::vector<double>{0, 0});
  CHECK(grad(b).to_vector<double>() == std::vector<double>{0, 0});
}

TEST_CASE("math: outside the domain") {
  CHECK(std::isnan(log(scalar(-1)).item()));
  CHECK(log(scalar(0)).item() == -HUGE_VAL);
  CHECK(std::isnan(sqrt(scalar(-1)).item()));
  CHECK(gradient_at(sqrt, 0) == HUGE_VAL);
  CHECK(exp(scalar(100)).item() == HUGE_VAL);
  CHECK(std::isnan(pow(scalar(-2), 0.3).item()));
}

}  // namespace papilio::test
