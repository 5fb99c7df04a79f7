#include "autograd/ops/softmax.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

std::vector<double> reference(const Tensors& in) {
  std::vector<double> x = in[0].to_vector<double>();
  const size_t n = in[0].shape().back() > 0 ? size_t(in[0].shape().back()) : 1;
  for (size_t row = 0; row + n <= x.size(); row += n) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += x[row + i] = std::exp(x[row + i]);
    for (size_t i = 0; i < n; ++i) x[row + i] /= sum;
  }
  return x;
}

Tensor last_dim(const Tensors& in) {
  return softmax(in[0]);
}

}  // namespace

TEST_CASE("softmax") {
  run({.name = "softmax",
       .samples = {{"one row", {uniform64({5})}, last_dim, reference},
                   {"rows", {uniform64({2, 3, 7}, -4, 4)}, last_dim, reference},
                   {"size-1 rows", {uniform64({4, 1})}, last_dim, reference},
                   {"long rows", {uniform64({2, 1000}, -8, 8)}, last_dim, reference},
                   {"no rows", {uniform64({0, 3})}, last_dim, reference},
                   {"empty rows", {uniform64({3, 0})}, last_dim, reference}},
       .errors = {
           {"0-d", [] { softmax(scalar(1)); },
            "softmax: expected at least one dimension, got a 0-d tensor"},
           {"integers", [] { softmax(arange(3)); }, "softmax: expected a floating x, got int64"},
           {"undefined", [] { softmax({}); }, "softmax: x is undefined"}}});
}

TEST_CASE("softmax: logits of 10^4 neither overflow nor underflow to NaN") {
  const auto y = softmax(tensor<float>({1e4f, -1e4f, 1e4f})).to_vector<float>();
  CHECK(y[0] == doctest::Approx(0.5));
  CHECK(y[1] == 0);
}

}  // namespace papilio::test
