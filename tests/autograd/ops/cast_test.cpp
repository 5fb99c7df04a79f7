#include "autograd/ops/cast.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/arithmetic.h"
#include "tests/autograd/ops/elementwise_reference.h"

namespace papilio::test {

TEST_CASE("cast") {
  run({.name = "cast",
       .samples = map_samples([](const Tensor& x) { return cast(x, DType::float64); },
                              [](double x) { return x; }, -3, 3),
       .errors = {{"undefined", [] { cast(Tensor(), DType::float32); }, "cast: x is undefined"}}});
}

TEST_CASE("cast: gradients come back in the dtype of x") {
  const Tensor x = leaf(tensor<double>({1.5, -2}));
  const Tensor y = cast(x, DType::bfloat16);
  CHECK(y.dtype() == DType::bfloat16);
  backward(y * 3, ones_like(y));
  CHECK(grad(x).dtype() == DType::float64);
  CHECK(grad(x).to_vector<double>() == std::vector<double>{3, 3});
}

TEST_CASE("cast: to integers and bool, without gradient") {
  const Tensor x = leaf(tensor<float>({-1.9f, 0, 0.5f, 300, std::nanf("")}));
  CHECK(cast(x, DType::int64).to_vector<int64_t>() == std::vector<int64_t>{-1, 0, 0, 300, 0});
  CHECK(cast(x, DType::uint8).to_vector<int>() == std::vector<int>{0, 0, 0, 255, 0});
  CHECK(cast(x, DType::boolean).to_vector<int>() == std::vector<int>{1, 0, 1, 1, 1});
  CHECK(!cast(x, DType::int64).requires_grad());
  CHECK(cast(int64s({3}), DType::float16).to_vector<double>() == std::vector<double>{3});
}

TEST_CASE("cast: the same dtype is the same tensor") {
  const Tensor x = leaf(scalar(1));
  CHECK(cast(x, DType::float32).storage() == x.storage());
  CHECK(cast(x, DType::float32).node() == x.node());
}

}  // namespace papilio::test
