#include "autograd/ops/softmax.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/log_softmax.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/row_lengths.h"
#include "tests/devices.h"

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

// Times c, because the gradient of softmax for dy = 1 is 0.
template <bool logarithm>
Sample times(const std::string& label, const Dims& shape,
             std::function<Tensor(const Tensor&)> before = {},
             std::function<Tensor(const Tensor&)> after = {}) {
  return {label,
          {uniform64(shape, -8, 8), uniform64(shape, -1, 1, 2)},
          [before, after](const Tensors& in) {
            const Tensor x = before ? before(in[0]) : in[0];
            const Tensor y = logarithm ? log_softmax(x) : softmax(x);
            return (after ? after(y) : y) * in[1];
          },
          [](const Tensors& in) {
            std::vector<double> y = reference(in[0], in[0].dim() - 1, logarithm);
            const std::vector<double> c = in[1].to_vector<double>();
            for (size_t i = 0; i < y.size(); ++i) y[i] *= c[i];
            return y;
          }};
}

template <bool logarithm>
std::vector<Sample> rows() {
  std::vector<Sample> samples;
  for (const RowShape& shape : kRowShapes)
    samples.push_back(times<logarithm>(shape.label(), shape.dims()));
  samples.push_back(times<logarithm>("x behind 16 bytes", {3, 64}, behind_16_bytes));
  samples.push_back(times<logarithm>("dy behind 16 bytes", {3, 64}, {}, behind_16_bytes));
  return samples;
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

TEST_CASE("softmax: rows of every length, and in every place") {
  // Rounded before they are multiplied: 16 bits lose twice.
  run({.name = "softmax", .samples = rows<false>(), .tolerance_factor = 2});
  run({.name = "log_softmax", .samples = rows<true>(), .tolerance_factor = 2});
}

TEST_CASE("softmax: gradients of long rows by the formula") {
  constexpr size_t n = 5000;
  const Tensor x = leaf(uniform64({2, int64_t(n)}, -3, 3, 1));
  const Tensor dy = uniform64({2, int64_t(n)}, -1, 1, 2);
  const Tensor y = softmax(x);
  backward(y, dy);
  const auto got = grad(x).to_vector<double>(), p = y.to_vector<double>(),
             d = dy.to_vector<double>();
  for (const size_t row : {size_t(0), n}) {
    double dot = 0;
    for (size_t i = 0; i < n; ++i) dot += p[row + i] * d[row + i];
    for (size_t i = 0; i < n; ++i)
      CHECK(got[row + i] ==
            doctest::Approx(p[row + i] * (d[row + i] - dot)).epsilon(1e-9).scale(1e-3));
  }
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
  for (const Device device : devices()) {
    const Tensor there = copy_of(x, device);
    const auto y = softmax(there).to_vector<double>(),
               log_y = log_softmax(there).to_vector<double>();
    for (size_t i = 0; i < 80; ++i) {
      CHECK(std::isnan(y[i]) == (i < 40));
      CHECK(std::isnan(log_y[i]) == (i < 40));
    }
  }
}

TEST_CASE("softmax: -inf has no share, and a row of nothing else is NaN") {
  auto x = uniform64({2, 40});
  for (int i : {0, 39}) x.data<double>()[i] = -INFINITY;
  for (int i = 40; i < 80; ++i) x.data<double>()[i] = -INFINITY;
  for (const Device device : devices()) {
    const Tensor there = copy_of(x, device);
    const auto y = softmax(there).to_vector<double>(),
               log_y = log_softmax(there).to_vector<double>();
    double sum = 0;
    for (size_t i = 0; i < 40; ++i) {
      const bool out = i == 0 || i == 39;
      CHECK((y[i] == 0) == out);
      CHECK((log_y[i] == -INFINITY) == out);
      sum += y[i];
    }
    CHECK(sum == doctest::Approx(1));
    for (size_t i = 40; i < 80; ++i) CHECK((std::isnan(y[i]) && std::isnan(log_y[i])));
  }
}

}  // namespace papilio::test
