#include "boft/geometry/energy.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/singular_values.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <numbers>

#include "autograd/ops.h"
#include "boft/ops/cayley.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

using namespace boft;

TEST_CASE("hyperspherical energy: two orthogonal rows of any length are sqrt(2) apart") {
  const Tensor w = tensor<double>({3, 0, 0, 0.1}, {2, 2});
  CHECK(hyperspherical_energy(w) == doctest::Approx(2 / std::sqrt(2.0)));
  CHECK(hyperspherical_energy(tensor<double>({1, 0, 0, 0, 0, 2}, {3, 2})) ==
        doctest::Approx(2 / std::sqrt(2.0)));
  CHECK(std::isinf(hyperspherical_energy(tensor<double>({1, 0, 2, 0}, {2, 2}))));
  CHECK_THROWS_AS(hyperspherical_energy(zeros({3})), ArgumentError);
}

TEST_CASE(
    "a rotation and positive scales leave energy and pairwise angles as they are, other changes do "
    "not") {
  const Tensor w = uniform64({7, 6});
  const Tensor q = squeeze(cayley(uniform64({1, 6, 6}, -2, 2, 3)));
  const Tensor turned = matmul(w, q) * (uniform64({7, 1}, 0.5, 2, 4));
  CHECK(hyperspherical_energy(turned) == doctest::Approx(hyperspherical_energy(w)).epsilon(1e-12));
  CHECK(std::abs(hyperspherical_energy(w + uniform64({7, 6}, -1, 1, 9)) -
                 hyperspherical_energy(w)) > 1e-3);
  const auto before = pairwise_angles(w), after = pairwise_angles(turned);
  REQUIRE(before.size() == 21);
  for (size_t i = 0; i < before.size(); ++i)
    CHECK(after[i] == doctest::Approx(before[i]).epsilon(1e-9));
}

TEST_CASE("rotation angles of known rotations; 2 atan of the skew matrix's entry") {
  const auto plane = [](double angle) {
    return tensor<double>({std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)},
                          {2, 2});
  };
  for (double angle : {0.0, 0.3, std::numbers::pi / 2, 3.0}) {
    CHECK(rotation_angles(plane(angle))[0] == doctest::Approx(angle).epsilon(1e-7));
  }
  const Tensor r = tensor<double>({0, 0.8, -0.8, 0}, {1, 2, 2});
  CHECK(rotation_angles(cayley(r))[0] == doctest::Approx(2 * std::atan(0.8)));
  CHECK(rotation_angles(squeeze(cayley(uniform64({2, 5, 5})))).size() == 4);
}

TEST_CASE(
    "rotation angles of float32 rotations down to the dtype's resolution, and near 180 degrees") {
  for (double sigma : {1e-6, 1e-5, 1e-4, 1e-3, 0.1, 1e3, 1e4, 1e5}) {
    const auto s = float(sigma);
    const Tensor r =
        tensor<float>({0, s, 0, 0, -s, 0, 0, 0, 0, 0, 0, s / 2, 0, 0, -s / 2, 0}, {1, 4, 4});
    const auto angles = rotation_angles(cayley(r));
    REQUIRE(angles.size() == 2);
    CHECK(std::abs(angles[0] - 2 * std::atan(sigma)) < 3e-7);
    CHECK(std::abs(angles[1] - 2 * std::atan(sigma / 2)) < 3e-7);
  }
}

TEST_CASE("orthogonality error") {
  CHECK(orthogonality_error(eye(4)) == 0);
  CHECK(orthogonality_error(eye(4) * 1.1) == doctest::Approx(0.21));
  CHECK(orthogonality_error(cayley(uniform64({3, 4, 4}))) < 1e-14);
  Tensor broken = zeros({2, 2});
  broken.data<float>()[0] = std::nanf("");
  CHECK(std::isnan(orthogonality_error(broken)));
}

TEST_CASE("symmetric eigenvalues and singular values of matrices whose values are known") {
  const auto values = symmetric_eigenvalues(tensor<double>({2, 1, 0, 1, 2, 0, 0, 0, -5}, {3, 3}));
  CHECK(values[0] == doctest::Approx(-5));
  CHECK(values[1] == doctest::Approx(1));
  CHECK(values[2] == doctest::Approx(3));
  const Tensor w = uniform64({5, 8});
  const auto plain = singular_values(w);
  const auto turned = singular_values(matmul(w, squeeze(cayley(uniform64({1, 8, 8})))));
  REQUIRE(plain.size() == 5);
  double squares = 0;
  for (size_t i = 0; i < 5; ++i) {
    squares += plain[i] * plain[i];
    CHECK(turned[i] == doctest::Approx(plain[i]).epsilon(1e-9));
  }
  CHECK(squares == doctest::Approx(sum(w * w).item()));
}

}  // namespace papilio::test
