#include "boft/ops/boft_linear.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/ops/cayley.h"
#include "tensor/copy.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/dense.h"

namespace papilio::test {

namespace {

// Inputs of a case: x, R, s, bias (or undefined), and a frozen weight as integers (gradcheck leaves
// those alone).
Tensor weight_of(const Tensors& in) {
  return cast(in[4], in[0].dtype()) * 0.125;
}

Tensor layer(const Tensors& in) {
  return boft_linear(in[0], weight_of(in), in[3], cayley(in[1]), in[2]);
}

std::vector<double> reference(const Tensors& in) {
  const Tensor q = cayley(copy_of(in[1], DType::float64));  // has its own reference
  const Matrix y =
      matrix_of(in[0]) * dense_rotation(q) *
      transposed(matrix_of(weight_of({copy_of(in[0], DType::float64), {}, {}, {}, in[4]})));
  const auto s = in[2].to_vector<double>();
  const auto bias = in[3].defined() ? in[3].to_vector<double>() : std::vector<double>(s.size());
  std::vector<double> values;
  for (int64_t r = 0; r < y.rows; ++r)
    for (int64_t j = 0; j < y.columns; ++j)
      values.push_back(s[size_t(j)] * y(r, j) + bias[size_t(j)]);
  return values;
}

struct Case {
  Dims x;  // without its last size
  int64_t out;
  Dims factors;
  double bias = 1;  // its size; 0: none
  double scale = 1;
};

Sample sample(const char* label, const Case& c) {
  Dims x = c.x;
  const int64_t d = c.factors[1] * c.factors[2];
  x.push_back(d);
  Generator g(11);
  return {label,
          {uniform64(x, -1, 1, 1), uniform64(c.factors, -0.7, 0.7, 2),
           uniform64({c.out, 1}, 0.5 * c.scale, 1.5 * c.scale, 3),
           c.bias == 0 ? Tensor() : uniform64({c.out}, c.bias, 1.5 * c.bias, 4),
           randint(-8, 9, {c.out, d}, DType::int64, g)},
          layer,
          reference};
}

struct Result {
  Tensor y, dx, dbias, dr, ds;
};

using Layer = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&);

Result step(Layer f, const Tensors& in, DType dtype, bool through_x = true) {
  const auto as_leaf = [dtype](const Tensor& t) { return leaf(copy_of(t, dtype)); };
  const Tensor x = through_x ? as_leaf(in[0]) : copy_of(in[0], dtype);
  const Tensor r = as_leaf(in[1]), s = as_leaf(in[2]), bias = as_leaf(in[3]);
  const Tensor y = f(x, copy_of(in[4], dtype), bias, cayley(r), s);
  backward(y, copy_of(in[5], dtype));
  return {y.detach(), through_x ? grad(x) : Tensor(), grad(bias), grad(r), grad(s)};
}

double difference(const Tensor& a, const Tensor& b) {
  const Matrix want = matrix_of(b);
  return largest(matrix_of(a) - want) / (1e-300 + largest(want));
}

// A layer with normal inputs: x, R, s, bias, weight, dL/dy.
Tensors random_layer(int64_t rows, int64_t out, const Dims& factors, double bias) {
  Generator g(uint64_t(rows + out + factors[0]));
  const int64_t d = factors[1] * factors[2];
  const TensorOptions f64{.dtype = DType::float64};
  return {normal({rows, d}, 0, 1, f64, g),
          normal(factors, 0, 0.3, f64, g),
          normal({out, 1}, 1, 0.2, f64, g),
          normal({out}, 0, bias, f64, g),
          normal({out, d}, 0, 1 / std::sqrt(double(d)), f64, g),
          normal({rows, out}, 0, 1, f64, g)};
}

}  // namespace

TEST_CASE("boft_linear") {
  OpCase c{.name = "boft_linear",
           .samples = {sample("weight side", {{20}, 6, {2, 4, 4, 4}}), sample("input side", {{3}, 10, {2, 4, 4, 4}}),
                       sample("no bias", {{9}, 4, {1, 3, 5, 5}, 0}), sample("no bias, input side", {{2}, 4, {1, 3, 4, 4}, 0}),
                       sample("one row", {{}, 3, {1, 2, 3, 3}}), sample("many dimensions", {{2, 3, 2}, 3, {3, 4, 2, 2}}),
                       sample("no rows", {{0}, 3, {2, 2, 4, 4}}), sample("one output", {{7}, 1, {2, 2, 6, 6}}),
                       sample("a bias that swamps y", {{9}, 4, {1, 2, 4, 4}, 1000}), sample("s = 0", {{9}, 4, {1, 2, 4, 4}, 1, 0}),
                       sample("s = 0 without bias", {{9}, 4, {1, 2, 4, 4}, 0, 0}),
                       sample("negative s", {{9}, 4, {1, 2, 4, 4}, 1, -1}),
                       sample("segments too wide", {{4}, 2, {7, 64, 2, 2}})},
           .errors = {{"width",
                       [] { boft_linear(ones({2, 8}), ones({3, 4}), {}, ones({1, 1, 4, 4}), ones({3, 1})); },
                       "boft_linear: expected x of shape (..., 4) for weight (3, 4), got (2, 8)"},
                      {"q",
                       [] { boft_linear(ones({2, 8}), ones({3, 8}), {}, ones({1, 1, 4, 4}), ones({3, 1})); },
                       "boft_linear: expected q of shape (m, N, b, b) with N b = 8, got (1, 1, 4, 4)"},
                      {"factors",
                       [] { boft_linear(ones({2, 12}), ones({3, 12}), {}, ones({2, 3, 4, 4}), ones({3, 1})); },
                       "boft_linear: boft_n_butterfly_factor 2 needs a number of blocks divisible by 2^1, got 3 blocks of 4; "
                       "nearest valid boft_block_size: 2 and 6, or boft_n_butterfly_factor up to 1"},
                      {"s",
                       [] { boft_linear(ones({2, 8}), ones({3, 8}), {}, ones({1, 2, 4, 4}), ones({3})); },
                       "boft_linear: expected s of shape (3, 1), got (3)"},
                      {"bias",
                       [] { boft_linear(ones({2, 8}), ones({3, 8}), ones({2}), ones({1, 2, 4, 4}), ones({3, 1})); },
                       "boft_linear: expected bias of shape (3), got (2)"},
                      {"weight",
                       [] { boft_linear(ones({2, 8}), ones({8}), {}, ones({1, 2, 4, 4}), ones({3, 1})); },
                       "boft_linear: expected weight of shape (out, d), got (8)"},
                      {"dtypes",
                       [] {
                         boft_linear(ones({2, 8}), ones({3, 8}), {}, ones({1, 2, 4, 4}, {.dtype = DType::float64}),
                                     ones({3, 1}));
                       },
                       "boft_linear: expected tensors of one dtype, got float32 and float64"}},
           .dtypes = {DType::float64}};
  run(c);
  // float32: q's roundings pass through a product of m factors and a sum of d terms.
  c.dtypes = {DType::float32}, c.errors.clear(), c.tolerance_factor = 8;
  std::erase_if(c.samples,
                [](const Sample& s) { return s.label.find("swamps") != std::string::npos; });
  run(c);
}

TEST_CASE("boft_linear in float32 is as exact as its composed twin") {
  for (const double bias : {0.1, 1., 100.})
    for (const auto& [rows, out, factors] :
         {std::tuple<int64_t, int64_t, Dims>{700, 64, {2, 16, 4, 4}},
          {400, 48, {1, 6, 8, 8}},
          {300, 200, {4, 16, 4, 4}},
          {900, 20, {2, 4, 12, 12}},
          {20, 64, {2, 16, 4, 4}},
          {200, 32, {1, 1, 64, 64}}}) {
      const Tensors in = random_layer(rows, out, factors, bias);
      CAPTURE(str(in[1].shape(), " ", bias));
      const Result exact = step(boft_linear_composed, in, DType::float64),
                   twice = step(boft_linear, in, DType::float64);
      const Result fast = step(boft_linear, in, DType::float32),
                   slow = step(boft_linear_composed, in, DType::float32);
      const auto check = [&](const char* what, Tensor Result::*part) {
        CAPTURE(what);
        CHECK(difference(twice.*part, exact.*part) < 1e-13 * (1 + 10 * bias));
        CHECK(difference(fast.*part, exact.*part) < 3e-6 + 3 * difference(slow.*part, exact.*part));
      };
      check("y", &Result::y), check("dx", &Result::dx), check("dbias", &Result::dbias);
      check("dr", &Result::dr), check("ds", &Result::ds);
    }
}

TEST_CASE("boft_linear in 16 bits stays within their roundings") {
  const Tensors in = random_layer(200, 24, {2, 8, 4, 4}, 0.5);
  for (const auto& [dtype, bound] : {std::pair{DType::bfloat16, 0.04}, {DType::float16, 0.005}}) {
    const Result exact = step(boft_linear_composed, in, DType::float64),
                 got = step(boft_linear, in, dtype);
    CAPTURE(got.y.dtype());
    for (Tensor Result::*part : {&Result::y, &Result::dx, &Result::dbias, &Result::dr, &Result::ds})
      CHECK(difference(got.*part, exact.*part) < bound);
  }
}

TEST_CASE("boft_linear starts as the base layer, bit for bit") {
  for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16})
    for (const int64_t rows : {1, 10, 100})
      for (const Dims& factors : {Dims{2, 8, 4, 4}, Dims{1, 4, 8, 8}, Dims{3, 16, 2, 2}})
        for (const bool with_bias : {false, true}) {
          CAPTURE(str(dtype, " ", rows, " ", factors));
          const Tensors in = random_layer(rows, 24, factors, 1);
          const Tensor x = copy_of(in[0], dtype), w = copy_of(in[4], dtype);
          const Tensor bias = with_bias ? copy_of(in[3], dtype) : Tensor();
          const Tensor y = boft_linear(x, w, bias, cayley(zeros(factors, {.dtype = dtype})),
                                       ones({24, 1}, {.dtype = dtype}));
          const Tensor base = linear(x, w, bias);
          CHECK(std::memcmp(y.raw_data(), base.raw_data(), size_t(y.numel()) * size_of(dtype)) ==
                0);
        }
}

TEST_CASE("boft_linear needs no gradient of x to train its factors") {
  for (const int64_t rows : {5, 60}) {
    const Tensors in = random_layer(rows, 12, {2, 4, 4, 4}, 1);
    const Result all = step(boft_linear, in, DType::float64),
                 some = step(boft_linear, in, DType::float64, false);
    CHECK(difference(some.dr, all.dr) == 0);
    CHECK(difference(some.ds, all.ds) == 0);
  }
}

TEST_CASE("boft_linear passes a gradient to x alone") {
  for (const int64_t rows : {5, 60}) {
    const Tensors in = random_layer(rows, 12, {2, 4, 4, 4}, 1);
    // Conv1D's weight lies the other way round.
    for (const Tensor& w : {in[4], transpose(copy_of(transpose(in[4], 0, 1)), 0, 1)}) {
      const Tensor x = leaf(copy_of(in[0]));
      backward(boft_linear(x, w, in[3], cayley(in[1]), in[2]), in[5]);
      CHECK(difference(grad(x), step(boft_linear, in, DType::float64).dx) < 1e-13);
    }
  }
}

TEST_CASE("boft_linear gives a weight that trains its gradient") {
  const Tensors in = random_layer(40, 12, {2, 4, 4, 4}, 1);
  const Tensor w = leaf(copy_of(in[4])), w1 = leaf(copy_of(in[4])), q = cayley(in[1]);
  backward(boft_linear(in[0], w, in[3], q, in[2]), in[5]);
  backward(boft_linear_composed(in[0], w1, in[3], q, in[2]), in[5]);
  CHECK(difference(grad(w), grad(w1)) == 0);
}

TEST_CASE("one column with s = 0 among others gets the gradient that lets it grow again") {
  Tensors in = random_layer(50, 6, {1, 4, 4, 4}, 1);
  in[2].data<double>()[3] = 0;
  CHECK(difference(step(boft_linear, in, DType::float64).ds,
                   step(boft_linear_composed, in, DType::float64).ds) < 1e-12);
}

}  // namespace papilio::test
