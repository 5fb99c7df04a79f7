// Attention of bfloat16: by pairs, where the processor has them, beside float32.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/attention.h"
#include "kernels/products.h"
#include "tensor/copy.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

TEST_CASE("attention: bfloat16 by pairs is float32's but for the rounding of p and ds") {
  const auto operand = [](int64_t rows, int64_t columns, uint64_t seed) {
    return copy_of(uniform64({2, 3, rows, columns}, -1.5, 1.5, seed), DType::bfloat16);
  };
  const auto results = [&](Products products, int64_t T, int64_t S) {
    const ProductsScope scope(products);
    const Tensor q = leaf(operand(T, 18, 1)), k = leaf(operand(S, 18, 2)),
                 v = leaf(operand(S, 33, 3));
    const Tensor y = scaled_dot_product_attention(q, k, v);
    backward(y, operand(T, 33, 4));
    return std::vector{y.to_vector<double>(), grad(q).to_vector<double>(),
                       grad(k).to_vector<double>(), grad(v).to_vector<double>()};
  };
  for (const auto& [T, S] : {std::pair<int64_t, int64_t>{130, 197}, {7, 3}}) {
    const auto want = results(Products::openblas, T, S), got = results(default_products(), T, S);
    for (size_t i = 0; i < 4; ++i) {
      double largest = 0, difference = 0;
      for (size_t n = 0; n < want[i].size(); ++n) {
        largest = std::max(largest, std::abs(want[i][n]));
        difference = std::max(difference, std::abs(want[i][n] - got[i][n]));
      }
      CAPTURE(i);
      CHECK(difference <= 8e-3 * largest);
    }
  }
}

}  // namespace papilio::test
