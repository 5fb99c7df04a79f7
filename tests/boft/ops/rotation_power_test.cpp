#include "boft/ops/rotation_power.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/ops/cayley.h"
#include "boft/ops/cayley_neumann.h"
#include "boft/ops/skew_symmetric.h"
#include "boft/ops/symmetric_eigen.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

double apart(const Tensor& x, const Tensor& y) {
  return max(abs(x - y)).item();
}

// Skew-symmetric blocks (n, b, b) in float64.
Tensor skew(int64_t n, int64_t b, double size = 1) {
  return skew_symmetric(uniform64({n, b * (b - 1) / 2}, -size, size, uint64_t(b)), b);
}

}  // namespace

TEST_CASE("rotation_power: every plane turns by t times its angle, at t = 0 not at all") {
  for (const int64_t b : {1, 2, 3, 4, 5, 8}) {
    CAPTURE(b);
    const Tensor a = skew(3, b), q = cayley(a);
    CHECK(apart(rotation_power(q, a, 1), q) < 1e-13);
    CHECK(apart(rotation_power(q, a, 0), expand(eye(b, {.dtype = DType::float64}), q.shape())) <
          1e-13);
    const auto whole = boft::rotation_angles(q);
    for (const double t : {0.3, 0.5, -0.7, 1.25}) {
      CAPTURE(t);
      const Tensor part = rotation_power(q, a, t);
      CHECK(boft::orthogonality_error(part) < 1e-13);
      const auto angles = boft::rotation_angles(part);
      REQUIRE(angles.size() == whole.size());
      for (size_t i = 0; i < angles.size(); ++i) {
        const double turned =
            std::abs(std::remainder(t * whole[i], 2 * std::numbers::pi));  // as angles in [0, pi]
        if (std::abs(t) <= 1) CHECK(angles[i] == doctest::Approx(turned).epsilon(1e-6));
      }
      CHECK(apart(matmul(part, rotation_power(q, a, 1 - t)), q) < 1e-12);
    }
    // Half of it twice; and a's length does not matter.
    const Tensor half = rotation_power(q, 7 * a, 0.5);
    CHECK(apart(matmul(half, half), q) < 1e-12);
  }
}

TEST_CASE("rotation_power: equal angles, axes that stay, and half turns") {
  const double s = 0.4;
  // Two planes with one angle, and an axis.
  const Tensor twice = tensor<double>(
      {0, s, 0, 0, 0, -s, 0, 0, 0, 0, 0, 0, 0, s, 0, 0, 0, -s, 0, 0, 0, 0, 0, 0, 0}, {1, 5, 5});
  const auto angles = boft::rotation_angles(rotation_power(cayley(twice), twice, 0.25));
  for (const double angle : angles) CHECK(angle == doctest::Approx(0.5 * std::atan(s)));
  CHECK(apart(rotation_power(cayley(0 * twice), 0 * twice, 0.5),
              unsqueeze(eye(5, {.dtype = DType::float64}), 0)) == 0);
  const Tensor far = tensor<double>({0, 1e6, -1e6, 0}, {1, 2, 2});  // nearly 180 degrees
  CHECK(boft::rotation_angles(rotation_power(cayley(far), far, 0.5))[0] ==
        doctest::Approx(std::numbers::pi / 2).epsilon(1e-5));
}

TEST_CASE("rotation_power: a series' stretch goes along, and dtype and device stay") {
  const Tensor a = skew(2, 4, 0.5);
  for (const int64_t terms : {2, 4, 5}) {
    const Tensor q = cayley_neumann(a, terms);
    CHECK(boft::orthogonality_error(q) > 1e-4);
    CHECK(apart(rotation_power(q, a, 1), q) < 1e-12);
    const Tensor half = rotation_power(q, a, 0.5);
    CHECK(apart(matmul(half, half), q) < 1e-12);
  }
  const Tensor f = copy_of(a, DType::float32);
  CHECK(rotation_power(cayley(f), f, 0.5).dtype() == DType::float32);
  CHECK_THROWS_WITH(rotation_power(zeros({2, 2}), zeros({3, 3}), 1),
                    "rotation_power: expected q and a of one shape (..., b, b), got (2, 2) and "
                    "(3, 3)");
}

TEST_CASE("symmetric_eigen: a V = V diag(values), V orthonormal, values ascending") {
  const Tensor m = uniform64({6, 6}), a = m + transpose(m, 0, 1);
  const SymmetricEigen eigen = symmetric_eigen(a);
  const Tensor v = eigen.vectors;
  CHECK(boft::orthogonality_error(v) < 1e-13);
  CHECK(apart(matmul(a, v), v * tensor<double>(eigen.values, {1, 6})) < 1e-12);
  for (size_t i = 1; i < 6; ++i) CHECK(eigen.values[i - 1] <= eigen.values[i]);
  CHECK(!symmetric_eigen(a, false).vectors.defined());
  CHECK_THROWS_WITH(symmetric_eigen(zeros({2, 3})), "symmetric_eigen: expected (n, n), got (2, 3)");
}

}  // namespace papilio::test
