#include "boft/ops/gram_schmidt.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "autograd/ops.h"
#include "boft/ops/householder.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/dense.h"

namespace papilio::test {

namespace {

// Column by column, each against all before it.
std::vector<double> reference(const Tensors& in) {
  Matrix q = matrix_of(in[0]);
  for (int64_t k = 0; k < q.columns; ++k) {
    for (int64_t j = 0; j < k; ++j) {
      double dot = 0;
      for (int64_t i = 0; i < q.rows; ++i) dot += q(i, j) * q(i, k);
      for (int64_t i = 0; i < q.rows; ++i) q(i, k) -= dot * q(i, j);
    }
    double square = 0;
    for (int64_t i = 0; i < q.rows; ++i) square += q(i, k) * q(i, k);
    for (int64_t i = 0; i < q.rows; ++i) q(i, k) /= std::sqrt(square);
  }
  return q.values;
}

Sample sample(const char* label, const Dims& shape) {
  return {
      label, {uniform64(shape)}, [](const Tensors& in) { return gram_schmidt(in[0]); }, reference};
}

}  // namespace

TEST_CASE("gram_schmidt") {
  const OpCase c{
      .name = "gram_schmidt",
      .samples = {sample("one column", {5, 1}), sample("some", {8, 3}),
                  sample("one number", {1, 1}), sample("long", {40, 4})},
      .errors = {{"more columns than rows",
                  [] {
                    gram_schmidt(ones({2, 3}));
                  },
                  "gram_schmidt: expected u of shape (d, r) with 1 <= r <= d, got (2, 3)"},
                 {"no column",
                  [] {
                    gram_schmidt(ones({2, 0}));
                  },
                  "gram_schmidt: expected u of shape (d, r) with 1 <= r <= d, got (2, 0)"},
                 {"not a matrix", [] { gram_schmidt(ones({4})); },
                  "gram_schmidt: expected u of shape (d, r) with 1 <= r <= d, got (4)"},
                 {"undefined", [] { gram_schmidt(Tensor()); }, "gram_schmidt: u is undefined"}}};
  run(c);
}

TEST_CASE(
    "gram_schmidt: orthonormal, and reflections by such vectors are I - 2 Q Q^T in any order") {
  const Tensor u = uniform64({9, 4});
  const Matrix q = matrix_of(gram_schmidt(u));
  CHECK(largest(transposed(q) * q - identity(4)) < 1e-14);
  const Tensor one = eye(9, {.dtype = DType::float64});
  const Matrix r = matrix_of(householder(one, gram_schmidt(u)));
  CHECK(largest(r - (identity(9) - q * transposed(q) - q * transposed(q))) < 1e-14);
  CHECK(largest(r - transposed(r)) < 1e-14);
}

}  // namespace papilio::test
