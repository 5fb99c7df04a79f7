// Tensors that agree, wherever they lie.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>

#include "tensor/tensor.h"

namespace papilio::test {

// |a - b| <= tolerance (1 + max(|a|, |b|)), element by element.
inline void check_near(const Tensor& a, const Tensor& b, double tolerance) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  REQUIRE(x.size() == y.size());
  for (size_t i = 0; i < x.size(); ++i)
    CHECK(x[i] == doctest::Approx(y[i]).epsilon(tolerance).scale(1));
}

}  // namespace papilio::test
