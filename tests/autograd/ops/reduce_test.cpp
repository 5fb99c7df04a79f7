#include "autograd/ops/reduce.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

using Fold = std::function<double(const std::vector<double>&)>;

// Collects the elements behind each output by multi-index arithmetic, then folds them.
std::vector<double> reference(const Tensor& x, const Dims& dims, const Fold& fold) {
  const std::vector<double> values = x.to_vector<double>();
  std::vector<bool> away(size_t(x.dim()), dims.empty());
  for (int64_t d : dims) away[size_t(d < 0 ? d + x.dim() : d)] = true;
  size_t outputs = 1;
  for (int i = 0; i < x.dim(); ++i) outputs *= away[size_t(i)] ? 1 : size_t(x.size(i));
  std::vector<std::vector<double>> groups(outputs);
  for (size_t at = 0; at < values.size(); ++at) {
    size_t rest = at, scale = 1, to = 0;
    for (int i = x.dim() - 1; i >= 0; --i) {
      const size_t n = size_t(x.size(i));
      if (!away[size_t(i)]) to += rest % n * scale, scale *= n;
      rest /= n;
    }
    groups[to].push_back(values[at]);
  }
  std::vector<double> result;
  for (const auto& group : groups) result.push_back(fold(group));
  return result;
}

double total(const std::vector<double>& v) {
  double s = 0;
  for (double e : v) s += e;
  return s;
}
double average(const std::vector<double>& v) {
  return total(v) / double(v.size());
}
double largest(const std::vector<double>& v) {
  return *std::max_element(v.begin(), v.end());
}
double smallest(const std::vector<double>& v) {
  return *std::min_element(v.begin(), v.end());
}
double variance(const std::vector<double>& v, int correction) {
  const double m = average(v);
  double s = 0;
  for (double e : v) s += (e - m) * (e - m);
  return s / std::max(0.0, double(v.size()) - correction);
}

using Reduce = Tensor (*)(const Tensor&, const Dims&, bool);

Sample sample(const char* label, Reduce f, const Fold& fold, Tensor x, const Dims& dims,
              bool keep = false) {
  return {label,
          {x},
          [=](const Tensors& in) { return f(in[0], dims, keep); },
          [=](const Tensors& in) { return reference(in[0], dims, fold); }};
}

// Shapes that reach every way through the kernel: rows, columns, a middle, two and three separate
// groups, tiles and segments, chunks, few columns.
std::vector<Sample> samples(Reduce f, const Fold& fold) {
  return {sample("everything", f, fold, uniform64({3, 5}), {}),
          sample("0-d", f, fold, uniform64({}), {}),
          sample("rows", f, fold, uniform64({4, 37}), {-1}),
          sample("rows of 200, kept", f, fold, uniform64({3, 200}), {1}, keepdim),
          sample("size-1 rows", f, fold, uniform64({4, 1}), {1}),
          sample("columns", f, fold, uniform64({37, 9}), {0}),
          sample("columns, kept", f, fold, uniform64({6, 12}), {-2}, keepdim),
          sample("few columns", f, fold, uniform64({50, 3}), {0}),
          sample("middle", f, fold, uniform64({3, 5, 11}), {1}),
          sample("outer and inner", f, fold, uniform64({4, 3, 5}), {0, 2}),
          sample("two outer, one inner kept", f, fold, uniform64({3, 2, 4, 10}), {0, 2}),
          sample("three apart", f, fold, uniform64({2, 3, 2, 3, 4}), {0, 2, -1}),
          sample("no outputs", f, fold, uniform64({0, 4}), {1})};
}

Sample no_elements(Reduce f, double value) {
  return {"no elements",
          {uniform64({3, 0})},
          [=](const Tensors& in) { return f(in[0], {1}, false); },
          [=](const Tensors&) { return std::vector<double>(3, value); }};
}

}  // namespace

TEST_CASE("sum") {
  auto all = samples(sum, total);
  all.push_back(no_elements(sum, 0));
  run({.name = "sum",
       .samples = all,
       .errors = {{"dimension",
                   [] {
                     sum(ones({2, 3}), {2});
                   },
                   "sum: dimension 2 is out of range for 2 dimensions"},
                  {"twice",
                   [] {
                     sum(ones({2, 3}), {1, -1});
                   },
                   "sum: dimension 1 appears twice in (1, -1)"},
                  {"undefined", [] { sum({}); }, "sum: x is undefined"}}});
}

TEST_CASE("mean") {
  auto all = samples(mean, average);
  all.push_back(no_elements(mean, std::nan("")));
  run({.name = "mean",
       .samples = all,
       .errors = {
           {"integers", [] { mean(arange(3)); }, "mean: expected a floating x, got int64"}}});
}

TEST_CASE("max") {
  run({.name = "max",
       .samples = samples(max, largest),
       .errors = {{"nothing to reduce",
                   [] {
                     max(ones({3, 0}), {1});
                   },
                   "max: expected at least one element to reduce, got shape (3, 0)"},
                  {"undefined", [] { max({}); }, "max: x is undefined"}}});
}

TEST_CASE("min") {
  run({.name = "min",
       .samples = samples(min, smallest),
       .errors = {{"nothing to reduce", [] { min(ones({0})); },
                   "min: expected at least one element to reduce, got shape (0)"}}});
}

TEST_CASE("var") {
  const Reduce unbiased = [](const Tensor& x, const Dims& dims, bool keep) {
    return var(x, dims, keep);
  };
  const Reduce population = [](const Tensor& x, const Dims& dims, bool keep) {
    return var(x, dims, keep, 0);
  };
  auto all = samples(population, [](const auto& v) { return variance(v, 0); });
  const Fold divided = [](const auto& v) { return variance(v, 1); };
  all.push_back(sample("unbiased rows", unbiased, divided, uniform64({4, 37}), {-1}));
  all.push_back(sample("unbiased columns", unbiased, divided, uniform64({37, 9}), {0}, keepdim));
  all.push_back(no_elements(population, std::nan("")));
  run({.name = "var",
       .samples = all,
       .errors = {{"integers", [] { var(arange(3)); }, "var: expected a floating x, got int64"}}});
  CHECK(std::isnan(var(scalar(2)).item()));  // 0 / 0, as in PyTorch
}

TEST_CASE("var of values far from zero keeps its digits") {
  std::vector<float> x;
  for (int i = 0; i < 1000; ++i) x.push_back(10000.f + float(i % 2));
  CHECK(var(tensor<float>(x), {}, false, 0).item() == doctest::Approx(0.25).epsilon(1e-4));
}

TEST_CASE("sum: tiles, segments, chunks and threads add up") {
  for (const Dims& shape :
       {Dims{5000, 300}, Dims{300, 5000}, Dims{3, 4000, 33}, Dims{70, 70, 30}}) {
    CAPTURE(shape);
    const Tensor x = copy_of(uniform64(shape), DType::float32);
    for (const Dims& dims : {Dims{0}, Dims{1}, Dims{}}) {
      const auto got = sum(x, dims).to_vector<double>(), want = reference(x, dims, total);
      REQUIRE(got.size() == want.size());
      double worst = 0;
      for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
      CHECK(worst < 1e-3);
    }
  }
}

TEST_CASE("sum of 10^7 equal float32 values loses nothing that a pairwise sum keeps") {
  const Tensor one = full({1}, 0.1);
  const Tensor rows = one.alias(one.layout().expand("test", {10'000'000}));
  CHECK(sum(rows).item() == doctest::Approx(1e6).epsilon(1e-5));
  const Tensor row = full({1, 16}, 0.1);
  const Tensor columns = row.alias(row.layout().expand("test", {1'000'000, 16}));
  for (double v : sum(columns, {0}).to_vector<double>())
    CHECK(v == doctest::Approx(1e5).epsilon(1e-5));
}

TEST_CASE("sum, max and min of integers and bool") {
  const Tensor x = tensor<int32_t>({3, -7, 2'000'000'000, 2'000'000'000}, {2, 2});
  CHECK(sum(x).dtype() == DType::int64);
  CHECK(sum(x).item<int64_t>() == 3'999'999'996);
  CHECK(max(x, {0}).to_vector<int64_t>() == std::vector<int64_t>{2'000'000'000, 2'000'000'000});
  CHECK(min(x).item<int64_t>() == -7);
  CHECK(min(x).dtype() == DType::int32);
  const Tensor yes = ones({300}, {.dtype = DType::boolean});
  CHECK(sum(yes).item<int64_t>() == 300);
}

TEST_CASE("max: one NaN anywhere wins, in rows and in columns") {
  for (int64_t at : {0, 5, 63, 64, 130, 199}) {
    const Tensor x = uniform64({200});
    x.data<double>()[at] = std::nan("");
    CHECK(std::isnan(max(x).item()));
    CHECK(std::isnan(min(x).item()));
    const Tensor columns = x.alias(x.layout().reshape("test", {20, 10}).layout);
    const auto y = max(columns, {0}).to_vector<double>();
    for (int64_t j = 0; j < 10; ++j) CHECK(std::isnan(y[size_t(j)]) == (j == at % 10));
  }
}

TEST_CASE("max shares its gradient among equal elements") {
  const Tensor x = leaf(tensor<float>({1, 5, 5, 2, 7, 0}, {2, 3}));
  backward(sum(max(x, {1})));
  CHECK(grad(x).to_vector() == std::vector<float>{0, .5f, .5f, 0, 1, 0});
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(max(full({3}, -inf)).item() == -inf);
}

TEST_CASE("sum_to undoes broadcasting") {
  const Tensor dy = uniform64({4, 3, 5});
  CHECK(sum_to(dy, {4, 3, 5}).raw_data() == dy.raw_data());
  struct Case {
    Dims to, dims;
  };
  for (const Case& c : {Case{{3, 5}, {0}}, Case{{5}, {0, 1}}, Case{{3, 1}, {0, 2}},
                        Case{{}, {0, 1, 2}}, Case{{4, 1, 5}, {1}}, Case{{1, 1, 1}, {0, 1, 2}}}) {
    const Tensor y = sum_to(dy, c.to);
    CHECK(y.shape() == c.to);
    const auto got = y.to_vector<double>(), want = reference(dy, c.dims, total);
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(want[i]));
  }
  CHECK_THROWS_WITH_AS(sum_to(dy, {2, 5}), "sum_to: (2, 5) does not broadcast to (4, 3, 5)",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(sum_to(dy, {1, 4, 3, 5}),
                       "sum_to: (1, 4, 3, 5) does not broadcast to (4, 3, 5)", ArgumentError);
}

}  // namespace papilio::test
