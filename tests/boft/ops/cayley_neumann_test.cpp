#include "boft/ops/cayley_neumann.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "boft/ops/cayley.h"
#include "boft/ops/skew_symmetric.h"
#include "kernels/cayley_neumann.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/dense.h"
#include "tests/capture_bound.h"
#include "tests/compare.h"

namespace papilio::test {

namespace {

// Power by power, as method.md and PEFT write it: I, I + 2A, then 2A^2 ... and the last power once.
Matrix series(const Matrix& a, int64_t terms) {
  Matrix q = identity(a.rows);
  if (terms == 1) return q;
  q = q + a + a;
  if (terms == 2) return q;
  Matrix power = a * a;
  q = q + power + power;
  for (int64_t k = 3; k < terms - 1; ++k) {
    power = power * a;
    q = q + power + power;
  }
  return q + power * a;
}

std::vector<double> reference(const Tensors& in, int64_t terms) {
  const int64_t b = in[0].shape().back();
  const auto values = in[0].to_vector<double>();
  std::vector<double> q;
  for (size_t at = 0; at < values.size(); at += size_t(b * b)) {
    Matrix a(b, b);
    a.values.assign(values.begin() + int64_t(at), values.begin() + int64_t(at) + b * b);
    const Matrix one = series(a, terms);
    q.insert(q.end(), one.values.begin(), one.values.end());
  }
  return q;
}

// Any matrix, not only a skew-symmetric one.
Sample sample(const char* label, const Dims& shape, int64_t terms) {
  return {label,
          {uniform64(shape, -0.4, 0.4)},
          [=](const Tensors& in) { return cayley_neumann(in[0], terms); },
          [=](const Tensors& in) { return reference(in, terms); }};
}

}  // namespace

TEST_CASE("cayley_neumann") {
  std::vector<Sample> samples{sample("one matrix", {4, 4}, 5), sample("empty", {0, 3, 3}, 5),
                              sample("many dimensions", {2, 3, 4, 4}, 4)};
  for (const int64_t terms : {1, 2, 3, 4, 5, 6, 7, 10})
    samples.push_back(sample("terms", {3, 4, 4}, terms));
  for (const int64_t b : {1, 2, 3, 6, 8, 9, 16, 17, 20})
    samples.push_back(sample("b", {3, b, b}, 5));
  for (const int64_t b : {2, 4, 16})
    samples.push_back(sample("more than the lanes", {35, b, b}, 6));
  const OpCase c{.name = "cayley_neumann",
                 .samples = samples,
                 .errors = {{"1-d", [] { cayley_neumann(ones({4}), 5); },
                             "cayley_neumann: expected a of shape (..., b, b), got (4)"},
                            {"not square",
                             [] {
                               cayley_neumann(ones({2, 3, 4}), 5);
                             },
                             "cayley_neumann: expected a of shape (..., b, b), got (2, 3, 4)"},
                            {"no terms",
                             [] {
                               cayley_neumann(ones({2, 2}), 0);
                             },
                             "cayley_neumann: expected terms >= 1, got 0"},
                            {"integers",
                             [] {
                               cayley_neumann(ones({2, 2}, {.dtype = DType::int64}), 5);
                             },
                             "cayley_neumann: expected a floating a, got int64"},
                            {"undefined", [] { cayley_neumann(Tensor(), 5); },
                             "cayley_neumann: a is undefined"}},
                 // One term is the identity whatever A holds.
                 .propagates_nan = false,
                 // Sums of up to ten powers of b products each.
                 .tolerance_factor = 8};
  run(c);
}

TEST_CASE("cayley_neumann_doubled is the series of PEFT 0.16 and 0.17") {
  // What PEFT 0.17.1's OFTRotationModule makes of [0.1, -0.2, 0.3] in float64.
  const std::map<int64_t, std::vector<double>> theirs{
      {1, {1, 0, 0, 0, 1, 0, 0, 0, 1}},
      {2, {1, .2, -.4, -.2, 1, .6, .4, -.6, 1}},
      {3, {.9, .32, -.34, -.08, .8, .64, .46, -.56, .74}},
      {4, {.9, .292, -.284, -.052, .8, .556, .404, -.476, .74}},
      {5, {.914, .2752, -.2924, -.0688, .828, .5504, .3956, -.4816, .7764}},
      {7, {.91204, .281472, -.299064, -.070368, .82408, .562944, .404616, -.492576, .771304}}};
  const Tensor a = skew_symmetric(reshape(tensor(std::vector<double>{.1, -.2, .3}), {1, 3}), 3);
  for (const auto& [terms, want] : theirs) {
    CAPTURE_BOUND(terms);
    CHECK(largest_difference(cayley_neumann_doubled(a, terms).to_vector<double>(), want) < 1e-14);
    const int64_t n = terms;
    CHECK(gradcheck([n](const Tensors& in) { return cayley_neumann_doubled(in[0], n); },
                    {uniform64({2, 3, 3}, -0.4, 0.4)}));
  }
}

TEST_CASE("cayley_neumann: a NaN reaches the rotation wherever A is used") {
  Tensor a = zeros({2, 4, 4});
  fill_(a.alias(a.layout().select("test", 0, 0)), std::nan(""));
  for (const int64_t terms : {2, 3, 5})
    CHECK(std::isnan(cayley_neumann(a, terms).to_vector<float>()[0]));
}

TEST_CASE("cayley_neumann of zero is the identity bit for bit") {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16})
    for (const int64_t b : {1, 2, 4, 7, 16, 32})
      for (const int64_t terms : {1, 2, 3, 5, 6})
        for (const double value : {0., -0.}) {
          const Tensor q = cayley_neumann(full({3, b, b}, value, {.dtype = dtype}), terms);
          const Tensor one = eye(b, {.dtype = dtype});
          const size_t bytes = size_t(b * b) * size_of(dtype);
          for (size_t n = 0; n < 3; ++n)
            CHECK(std::memcmp(static_cast<const char*>(q.raw_data()) + n * bytes, one.raw_data(),
                              bytes) == 0);
        }
}

TEST_CASE("cayley_neumann approaches the transpose of the exact rotation") {
  const Tensor a = skew_symmetric(uniform64({5, 28}, -0.1, 0.1), 8);
  const auto exact = cayley(a).to_vector<double>();
  double before = 1;
  for (const int64_t terms : {2, 4, 6, 10, 20}) {
    const auto q = cayley_neumann(a, terms).to_vector<double>();
    double worst = 0;
    for (size_t n = 0; n < 5; ++n)
      for (size_t i = 0; i < 8; ++i)
        for (size_t j = 0; j < 8; ++j)
          worst = std::max(worst, std::abs(q[n * 64 + i * 8 + j] - exact[n * 64 + j * 8 + i]));
    CHECK(worst < before / 4);
    before = worst;
  }
  CHECK(before < 1e-8);
}

TEST_CASE("cayley_neumann: Q Q^T = I - A^(2k) for an odd last power k") {
  const Tensor upper = uniform64({1, 6}, -0.4, 0.4);
  const Matrix a = matrix_of(skew_symmetric(upper, 4));
  for (const int64_t terms : {4, 6}) {
    const Matrix q = matrix_of(cayley_neumann(skew_symmetric(upper, 4), terms));
    Matrix power = identity(4);
    for (int64_t k = 0; k < 2 * neumann_degree(terms); ++k) power = power * a;
    CHECK(largest(q * transposed(q) - identity(4) + power) < 1e-14);
  }
}

TEST_CASE("cayley_neumann_doubled: I + 2 sum of A^k for 1 <= k < terms, as PEFT 0.16 and 0.17") {
  const Tensor x = skew_symmetric(uniform64({1, 6}, -0.4, 0.4), 4);
  const Matrix a = matrix_of(x);
  for (const int64_t terms : {1, 2, 3, 4, 5, 8}) {
    Matrix power = identity(4), want = identity(4);
    for (int64_t k = 1; k < terms; ++k) {
      power = power * a;
      want = want + power + power;
    }
    CHECK(largest(matrix_of(cayley_neumann_doubled(x, terms)) - want) < 1e-14);
  }
  CHECK_THROWS_AS(cayley_neumann_doubled(x, 0), ArgumentError);
}

}  // namespace papilio::test
