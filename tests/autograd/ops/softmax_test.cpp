#include "autograd/ops/softmax.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/log_softmax.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

// Softmax (or its logarithm) over dimension `dim` in plain loops.
std::vector<double> reference(const Tensor& x, int dim, bool logarithm) {
  std::vector<double> y = x.to_vector<double>();
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < dim; ++i) outer *= x.shape()[i];
  for (int i = dim + 1; i < x.dim(); ++i) inner *= x.shape()[i];
  const int64_t n = x.shape()[dim];
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      double* row = y.data() + o * n * inner + i;
      double sum = 0;
      for (int64_t c = 0; c < n; ++c) sum += std::exp(row[c * inner]);
      for (int64_t c = 0; c < n; ++c) {
        double& v = row[c * inner];
        v = logarithm ? v - std::log(sum) : std::exp(v) / sum;
      }
    }
  return y;
}

template <bool logarithm>
Sample sample(const char* label, const Tensor& x, int64_t dim = -1) {
  return {label,
          {x},
          [dim](const Tensors& in) {
            return logarithm ? log_softmax(in[0], dim) : softmax(in[0], dim);
          },
          [dim](const Tensors& in) {
            return reference(in[0], int(dim < 0 ? dim + in[0].dim() : dim), logarithm);
          }};
}

template <bool logarithm>
std::vector<Sample> samples() {
  constexpr auto make = sample<logarithm>;
  return {make("one row", uniform64({5}), -1),
          make("rows", uniform64({2, 3, 7}, -4, 4), -1),
          make("rows of vectors and a rest", uniform64({3, 37}, -4, 4), 1),
          make("size-1 rows", uniform64({4, 1}), -1),
          make("long rows", uniform64({2, 1000}, -8, 8), -1),
          make("first dimension", uniform64({5, 3, 2}, -4, 4), 0),
          make("middle dimension", uniform64({3, 18, 2}, -4, 4), -2),
          make("no rows", uniform64({0, 3}), -1),
          make("empty rows", uniform64({3, 0}), -1)};
}

}  // namespace

TEST_CASE("softmax") {
  run({.name = "softmax",
       .samples = samples<false>(),
       .errors = {
           {"0-d", [] { softmax(scalar(1)); },
            "softmax: expected at least one dimension, got a 0-d tensor"},
           {"integers", [] { softmax(arange(3)); }, "softmax: expected a floating x, got int64"},
           {"undefined", [] { softmax({}); }, "softmax: x is undefined"}}});
  CHECK_THROWS_AS(softmax(uniform64({2, 3}), 2), ArgumentError);
}

TEST_CASE("log_softmax") {
  run({.name = "log_softmax",
       .samples = samples<true>(),
       .errors = {{"0-d", [] { log_softmax(scalar(1)); },
                   "log_softmax: expected at least one dimension, got a 0-d tensor"},
                  {"integers", [] { log_softmax(arange(3)); },
                   "log_softmax: expected a floating x, got int64"},
                  {"undefined", [] { log_softmax({}); }, "log_softmax: x is undefined"}}});
  CHECK_THROWS_AS(log_softmax(uniform64({2, 3}), -3), ArgumentError);
}

TEST_CASE("softmax: logits of 10^4 neither overflow nor underflow to NaN") {
  const auto x = tensor<float>({1e4f, -1e4f, 1e4f});
  const auto y = softmax(x).to_vector<float>(), log_y = log_softmax(x).to_vector<float>();
  CHECK(y[0] == doctest::Approx(0.5));
  CHECK(y[1] == 0);
  CHECK(log_y[0] == doctest::Approx(-std::log(2.0)));
  CHECK(log_y[1] == doctest::Approx(-2e4 - std::log(2.0)).epsilon(1e-7));
}

TEST_CASE("softmax: one NaN makes its row NaN and no other") {
  auto x = uniform64({2, 40});
  x.data<double>()[3] = std::nan("");
  const auto y = softmax(x).to_vector<double>(), log_y = log_softmax(x).to_vector<double>();
  for (size_t i = 0; i < 80; ++i) {
    CHECK(std::isnan(y[i]) == (i < 40));
    CHECK(std::isnan(log_y[i]) == (i < 40));
  }
}

}  // namespace papilio::test
