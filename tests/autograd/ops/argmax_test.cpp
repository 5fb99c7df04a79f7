#include "autograd/ops/argmax.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

std::vector<double> reference(const Tensor& x, int dim) {
  const std::vector<double> v = x.to_vector<double>();
  size_t outer = 1, inner = 1;
  const size_t n = size_t(x.size(dim));
  for (int i = 0; i < dim; ++i) outer *= size_t(x.size(i));
  for (int i = dim + 1; i < x.dim(); ++i) inner *= size_t(x.size(i));
  std::vector<double> result;
  for (size_t o = 0; o < outer; ++o) {
    for (size_t j = 0; j < inner; ++j) {
      size_t best = 0;
      for (size_t i = 1; i < n; ++i)
        if (v[(o * n + i) * inner + j] > v[(o * n + best) * inner + j]) best = i;
      result.push_back(double(best));
    }
  }
  return result;
}

Sample along(int dim, Tensor x, bool keep = false) {
  return {str("dimension ", dim, " of ", x.shape()),
          {x},
          [=](const Tensors& in) { return argmax(in[0], dim - in[0].dim(), keep); },
          [=](const Tensors& in) { return reference(in[0], dim); }};
}

}  // namespace

TEST_CASE("argmax") {
  run({.name = "argmax",
       .samples = {along(0, uniform64({7})), along(1, uniform64({50, 10})),
                   along(0, uniform64({9, 4}), true), along(1, uniform64({3, 6, 5})),
                   along(1, uniform64({0, 3}))},
       .errors = {{"empty",
                   [] {
                     argmax(ones({2, 0}), 1);
                   },
                   "argmax: dimension 1 of shape (2, 0) is empty"},
                  {"dimension", [] { argmax(ones({2}), 1); },
                   "argmax: dimension 1 is out of range for 1 dimensions"},
                  {"undefined", [] { argmax({}, 0); }, "argmax: x is undefined"}},
       .differentiable = false,
       .propagates_nan = false});
}

TEST_CASE("argmax: the first of equal ones, and a NaN before all") {
  CHECK(argmax(tensor<float>({1, 3, 3, 2}), 0).item<int64_t>() == 1);
  CHECK(argmax(tensor<float>({1, NAN, 9, NAN}), 0).item<int64_t>() == 1);
  CHECK(argmax(tensor<int64_t>({-5, -2, -9}), -1).item<int64_t>() == 1);
  const Tensor x = tensor<float>({9, 1, 1, 2, 3, 1}, {2, 3});
  CHECK(argmax(x.alias(x.layout().select("test", 0, 1)), 0).item<int64_t>() == 1);  // an offset
  CHECK(argmax(ones({2, 3}), 1, true).shape() == Dims{2, 1});
  CHECK(argmax(ones({2, 3}), 1).dtype() == DType::int64);
}

}  // namespace papilio::test
