#include "autograd/ops/compare.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tests/autograd/ops/elementwise_reference.h"

namespace papilio::test {

namespace {

using Compare = Tensor (*)(const Tensor&, const Tensor&);
using CompareNumber = Tensor (*)(const Tensor&, double);

template <class Reference>
void check_comparison(const char* name, Compare f, CompareNumber with_number, Reference reference) {
  const auto as_double = [reference](double a, double b) { return double(reference(a, b)); };
  run({.name = name,
       .samples = zip_samples(f, as_double, -1, 1, -1, 1),
       .errors = {{"dtypes", [f] { f(scalar(1), arange(3)); },
                   str(name, ": expected tensors of one dtype, got float32 and int64")},
                  {"shapes", [f] { f(zeros({2}), zeros({3})); },
                   str(name, ": shapes (2) and (3) do not broadcast")},
                  {"fraction", [with_number] { with_number(arange(3), 0.5); },
                   str(name, ": expected a whole number for int64, got 0.5")}},
       .differentiable = false,
       .propagates_nan = false});
  const double nan = std::nan("");
  const std::vector<double> u{1, 2, 3, nan, 1, nan}, v{1, 3, 2, 1, nan, nan};
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16, DType::int64,
                      DType::int32, DType::uint8}) {
    const size_t n = is_floating(dtype) ? u.size() : 3;
    const Dims shape{int64_t(n)};
    const Tensor a = empty(shape, {.dtype = dtype}), b = empty(shape, {.dtype = dtype});
    std::vector<double> want, want_number;
    for (size_t i = 0; i < n; ++i) {
      dispatch_all(dtype, [&]<class T>() {
        a.data<T>()[i] = T(compute_t<T>(u[i]));
        b.data<T>()[i] = T(compute_t<T>(v[i]));
      });
      want.push_back(reference(u[i], v[i]));
      want_number.push_back(reference(u[i], 2));
    }
    CHECK(f(a, b).dtype() == DType::boolean);
    CHECK(f(a, b).to_vector<double>() == want);
    CHECK(with_number(a, 2).to_vector<double>() == want_number);
  }
}

}  // namespace

TEST_CASE("comparisons") {
  check_comparison("eq", eq, eq, [](double a, double b) { return a == b; });
  check_comparison("ne", ne, ne, [](double a, double b) { return a != b; });
  check_comparison("lt", lt, lt, [](double a, double b) { return a < b; });
  check_comparison("le", le, le, [](double a, double b) { return a <= b; });
  check_comparison("gt", gt, gt, [](double a, double b) { return a > b; });
  check_comparison("ge", ge, ge, [](double a, double b) { return a >= b; });
}

TEST_CASE("comparisons: integers beyond 2^53 are compared exactly, and gradients stop") {
  const int64_t big = int64_t(1) << 60;
  CHECK(eq(int64s({big, big}), int64s({big + 1, big})).to_vector<int>() == std::vector<int>{0, 1});
  const Tensor x = leaf(scalar(1));
  CHECK(!lt(x, 2).requires_grad());
}

}  // namespace papilio::test
