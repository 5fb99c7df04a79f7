#include "boft/ops/householder.h"

#include <doctest/doctest.h>
#include <string>

#include <cmath>
#include <cstdint>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/ops.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/dense.h"
#include "tests/compare.h"

namespace papilio::test {

namespace {

// H_1 H_2 ... H_r, each I - 2 u u^T / |u|^2 written out.
Matrix dense_chain(const Matrix& u) {
  Matrix product = identity(u.rows);
  for (int64_t k = 0; k < u.columns; ++k) {
    double square = 0;
    for (int64_t i = 0; i < u.rows; ++i) square += u(i, k) * u(i, k);
    Matrix h = identity(u.rows);
    for (int64_t i = 0; i < u.rows; ++i)
      for (int64_t j = 0; j < u.rows; ++j) h(i, j) -= 2 * u(i, k) * u(j, k) / square;
    product = product * h;
  }
  return product;
}

std::vector<double> reference(const Tensors& in, bool reversed) {
  const Matrix r = dense_chain(matrix_of(in[1]));
  return (matrix_of(in[0]) * (reversed ? transposed(r) : r)).values;
}

Sample sample(const char* label, const Dims& x, const Dims& u, bool reversed) {
  return {label,
          {uniform64(x), uniform64(u, -1, 1, 2)},
          [=](const Tensors& in) {
            return reversed ? householder_transposed(in[0], in[1]) : householder(in[0], in[1]);
          },
          [=](const Tensors& in) { return reference(in, reversed); }};
}

OpCase householder_case(bool reversed) {
  const std::string name = reversed ? "householder_transposed" : "householder";
  const auto f = reversed ? householder_transposed : householder;
  return {.name = name,
          .samples =
              {
                  sample("one reflection", {4, 5}, {5, 1}, reversed),
                  sample("a chain", {6, 8}, {8, 4}, reversed),
                  sample("more than d", {3, 4}, {4, 7}, reversed),
                  sample("one row", {9}, {9, 3}, reversed),
                  sample("many dimensions", {2, 3, 4, 6}, {6, 2}, reversed),
                  sample("no rows", {0, 6}, {6, 2}, reversed),
                  sample("one coordinate", {3, 1}, {1, 2}, reversed),
                  // More rows than one group, longer than a warp and than a vector of lanes.
                  sample("groups of rows", {45, 37}, {37, 3}, reversed),
                  sample("long rows", {2, 300}, {300, 2}, reversed),
              },
          .errors = {{"not a matrix",
                      [=] {
                        f(ones({2, 3}), ones({3}));
                      },
                      name + ": expected u of shape (d, r), got (3)"},
                     {"no vector",
                      [=] {
                        f(ones({2, 3}), ones({3, 0}));
                      },
                      name + ": expected u of shape (d, r), got (3, 0)"},
                     {"another d",
                      [=] {
                        f(ones({2, 4}), ones({3, 2}));
                      },
                      name + ": expected x of shape (..., 3) for u of shape (3, 2), got (2, 4)"},
                     {"a number",
                      [=] {
                        f(ones({}), ones({3, 2}));
                      },
                      name + ": expected x of shape (..., 3) for u of shape (3, 2), got ()"},
                     {"integers",
                      [=] {
                        f(ones({2, 3}, {.dtype = DType::int64}), ones({3, 2}));
                      },
                      name + ": expected a floating x, got int64"},
                     {"undefined",
                      [=] {
                        f(ones({2, 3}), Tensor());
                      },
                      name + ": u is undefined"}},
          // Sums over d for each of up to seven reflections.
          .tolerance_factor = 4};
}

}  // namespace

TEST_CASE("householder") {
  run(householder_case(false));
}

TEST_CASE("householder_transposed") {
  run(householder_case(true));
}

TEST_CASE(
    "householder: orthogonal, its transpose takes it back, det = (-1)^r, lengths do not act") {
  const Tensor x = uniform64({5, 12});
  for (const int64_t r : {1, 2, 5, 12}) {
    const Tensor u = uniform64({12, r}, -1, 1, 3);
    const Matrix q = matrix_of(householder(eye(12, {.dtype = DType::float64}), u));
    CHECK(orthogonality_error(q) < 1e-14);
    CHECK(determinant(q) == doctest::Approx(r % 2 == 0 ? 1 : -1));
    CHECK(largest_difference(householder_transposed(householder(x, u), u).to_vector<double>(),
                             x.to_vector<double>()) < 1e-14);
    CHECK(largest_difference(householder(x, u * 100).to_vector<double>(),
                             householder(x, u).to_vector<double>()) < 1e-13);
  }
}

TEST_CASE("householder: two equal vectors side by side are the identity, a zero vector is NaN") {
  const Tensor x = uniform64({5, 8}), half = uniform64({8, 3, 1}, -1, 1, 4);
  const Tensor u = reshape(expand(half, {8, 3, 2}), {8, 6});
  CHECK(largest_difference(householder(x, u).to_vector<double>(), x.to_vector<double>()) < 1e-15);
  CHECK(
      std::isnan(householder(x, zeros({8, 1}, {.dtype = DType::float64})).to_vector<double>()[0]));
}

TEST_CASE("householder computes in float32 in mixed precision") {
  const Tensor x = cast(uniform64({5, 8}), DType::bfloat16),
               u = cast(uniform64({8, 2}), DType::float32);
  const Autocast mixed(DType::bfloat16);
  CHECK(householder(x, u).dtype() == DType::float32);
}

}  // namespace papilio::test
