#include "autograd/ops/where.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tests/autograd/ops/elementwise_reference.h"

namespace papilio::test {

namespace {

// A bool tensor, true at every third element.
Tensor every_third(const Dims& shape) {
  const Tensor c = zeros(shape, {.dtype = DType::boolean});
  for (int64_t i = 0; i < c.numel(); i += 3) c.data<bool>()[i] = true;
  return c;
}

Sample sample(const Dims& condition, const Dims& a, const Dims& b, const Dims& y) {
  return {str(condition, " ? ", a, " : ", b),
          {uniform64(a, -1, 1, 1), uniform64(b, -1, 1, 2), every_third(condition)},
          [](const Tensors& in) { return where(in[2], in[0], in[1]); },
          [y](const Tensors& in) {
            const auto u = in[0].to_vector<double>(), v = in[1].to_vector<double>(),
                       c = in[2].to_vector<double>();
            int64_t n = 1;
            for (int64_t size : y) n *= size;
            std::vector<double> result;
            for (int64_t i = 0; i < n; ++i) {
              result.push_back(broadcast_element(c, in[2].shape(), y, i) != 0
                                   ? broadcast_element(u, in[0].shape(), y, i)
                                   : broadcast_element(v, in[1].shape(), y, i));
            }
            return result;
          }};
}

}  // namespace

TEST_CASE("where") {
  const Tensor c = every_third({3});
  run({.name = "where",
       .samples = {sample({}, {}, {}, {}), sample({3, 4}, {3, 4}, {3, 4}, {3, 4}),
                   sample({4}, {3, 1}, {}, {3, 4}), sample({3, 1}, {4}, {3, 4}, {3, 4}),
                   sample({2, 3, 4}, {3, 4}, {2, 1, 1}, {2, 3, 4}),
                   sample({0, 2}, {2}, {1}, {0, 2})},
       .errors = {{"condition", [] { where(scalar(1), scalar(1), scalar(2)); },
                   "where: expected condition of bool, got float32"},
                  {"dtypes", [c] { where(c, scalar(1), arange(3)); },
                   "where: expected tensors of one dtype, got float32 and int64"},
                  {"fraction", [c] { where(c, arange(3), 0.5); },
                   "where: expected a whole number for int64, got 0.5"}}});
}

TEST_CASE("where: every dtype, and numbers on either side") {
  const Tensor c = every_third({4});
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16, DType::int64,
                      DType::int32, DType::uint8}) {
    const Tensor a = full({4}, 2, {.dtype = dtype}), b = full({4}, 5, {.dtype = dtype});
    CHECK(where(c, a, b).dtype() == dtype);
    CHECK(where(c, a, b).to_vector<double>() == std::vector<double>{2, 5, 5, 2});
    CHECK(where(c, a, 7).to_vector<double>() == std::vector<double>{2, 7, 7, 2});
    CHECK(where(c, 7, b).to_vector<double>() == std::vector<double>{7, 5, 5, 7});
  }
}

TEST_CASE("where: what is not chosen gets no gradient, not even from NaN") {
  const Tensor x = leaf(tensor<double>({1, 2, 3}));
  backward(where(every_third({3}), x, std::nan("")), tensor<double>({1, std::nan(""), HUGE_VAL}));
  CHECK(grad(x).to_vector<double>() == std::vector<double>{1, 0, 0});
}

}  // namespace papilio::test
