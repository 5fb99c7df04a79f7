// BOFT's section 3 and Theorem 1 as computations.
#include "boft/geometry/butterfly_factorization.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/ops/butterfly_graph.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/cayley.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/capture_bound.h"

namespace papilio::test {

using boft::butterfly_pairs;
using boft::butterfly_to_axis;

namespace {

double apart(const Tensor& x, const Tensor& y) {
  return max(abs(x - y)).item();
}

}  // namespace

TEST_CASE("butterfly_to_axis: a butterfly of rotations turns any row to the first axis") {
  for (const int64_t d : {2, 4, 16}) {
    const Tensor u = uniform64({d}), q = butterfly_to_axis(u);
    CHECK(boft::orthogonality_error(q) < 1e-14);
    const auto turned = butterfly_rotation(u, q).to_vector<double>();
    CHECK(turned[0] == doctest::Approx(std::sqrt(sum(u * u).item())));
    for (size_t i = 1; i < turned.size(); ++i) CHECK(std::abs(turned[i]) < 1e-14);
  }
  CHECK(apart(butterfly_to_axis(zeros({4})),
              butterfly_to_axis(tensor<double>({1, 0, 0, 0}, {4}))) == 0);
  CHECK_THROWS_WITH(butterfly_to_axis(zeros({6})),
                    "butterfly_to_axis: expected a power of two numbers, got (6)");
}

TEST_CASE(
    "butterfly_pairs: any orthogonal matrix, rotation or reflection, of at most d - 1 pairs") {
  for (const int64_t d : {2, 4, 8, 16})
    for (const bool reflection : {false, true}) {
      CAPTURE(d);
      CAPTURE(reflection);
      const Tensor r = clone(cayley(uniform64({d, d}, -3, 3, uint64_t(d))));
      for (int64_t i = 0; i < d && reflection; ++i) r.data<double>()[i] *= -1;
      const auto pairs = butterfly_pairs(r);
      CHECK(int64_t(pairs.size()) <= d - 1);
      for (const auto& [first, second] : pairs) {
        CHECK(boft::orthogonality_error(first) < 1e-13);
        CHECK(boft::orthogonality_error(second) < 1e-13);
      }
      const Tensor x = uniform64({3, d});
      CHECK(apart(boft::apply(x, pairs), matmul(x, r)) < 1e-12);
    }
  const Tensor one = eye(4, {.dtype = DType::float64});
  CHECK(butterfly_pairs(one).empty());
  Tensor last = clone(one);
  last.data<double>()[15] = -1;
  CHECK(butterfly_pairs(last).size() == 1);
  CHECK(apart(boft::apply(one, butterfly_pairs(last)), last) == 0);
  CHECK_THROWS_WITH(butterfly_pairs(2 * one),
                    "butterfly_pairs: expected an orthogonal matrix, got max |R R^T - I| = 3");
  CHECK_THROWS_WITH(butterfly_pairs(zeros({2, 3})),
                    "butterfly_pairs: expected (d, d) with d a power of two, got (2, 3)");
}

TEST_CASE("butterfly graph: edges, and who is reached, as the dense factors have it") {
  for (const auto& [d, b, m] : {std::tuple(16, 4, 3), {16, 2, 4}, {16, 4, 2}, {15, 5, 1}}) {
    CAPTURE_BOUND(b);
    const ButterflyShape shape = butterfly_shape("test", d, b, 0, m);
    CHECK(butterfly_edges(shape) == m * d * b);
    for (int64_t factors = 0; factors <= m; ++factors) {
      // The factors beyond are identities.
      const Tensor q = contiguous(clone(cayley(uniform64({m, d / b, b, b}))));
      for (int64_t i = factors; i < m; ++i)
        copy_(select(q, 0, i), expand(eye(b, {.dtype = DType::float64}), {d / b, b, b}));
      const Tensor r = butterfly_matrix(q);
      for (int64_t from = 0; from < d; ++from) {
        std::vector<int64_t> want;
        for (int64_t to = 0; to < d; ++to)
          if (r.data<double>()[to * d + from] != 0) want.push_back(to);
        CHECK(butterfly_reach(shape, from, factors) == want);
      }
    }
  }
  const ButterflyShape shape = butterfly_shape("test", 8, 2, 0, 3);
  CHECK_THROWS_WITH(butterfly_reach(shape, 8, 1),
                    "butterfly_reach: expected a coordinate from 0 to 7, got 8");
  CHECK_THROWS_WITH(butterfly_reach(shape, 0, 4),
                    "butterfly_reach: expected from 0 to 3 factors, got 4");
}

}  // namespace papilio::test
