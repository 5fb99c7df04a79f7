#include "autograd/ops/join.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/shape.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

// The tensors are seen as (outer, n_i, inner): for every outer index come the blocks of all, one
// after another.
std::vector<double> joined(const Tensors& in, int outer_dims) {
  std::vector<double> result;
  int64_t outer = 1;
  for (int i = 0; i < outer_dims; ++i) outer *= in[0].size(i);
  for (int64_t o = 0; o < outer; ++o) {
    for (const Tensor& x : in) {
      const std::vector<double> v = x.to_vector<double>();
      const int64_t block = x.numel() / outer;
      result.insert(result.end(), v.begin() + o * block, v.begin() + (o + 1) * block);
    }
  }
  return result;
}

Sample concat_sample(const char* label, const Tensors& in, int dim) {
  return {label, in, [=](const Tensors& t) { return concat(t, dim - in[0].dim()); },
          [=](const Tensors& t) { return joined(t, dim); }};
}

Sample stack_sample(const char* label, const Tensors& in, int dim) {
  return {label, in, [=](const Tensors& t) { return stack(t, dim); },
          [=](const Tensors& t) { return joined(t, dim); }};
}

const auto a = uniform64({2, 3}, -1, 1, 1), b = uniform64({2, 1}, -1, 1, 2),
           c = uniform64({2, 3}, -1, 1, 3);

}  // namespace

TEST_CASE("concat") {
  run({.name = "concat",
       .samples = {concat_sample("columns", {a, b, c}, 1),
                   concat_sample("rows", {a, c}, 0),
                   concat_sample("one", {a}, 0),
                   concat_sample("with a size of 0", {uniform64({2, 0}), b}, 1),
                   concat_sample("middle", {uniform64({2, 1, 2}), uniform64({2, 3, 2})}, 1),
                   {"with shape (0)",
                    {a, uniform64({0}), c},
                    [](const Tensors& t) { return concat(t, 0); },
                    [](const Tensors& t) {
                      return joined({t[0], t[2]}, 0);
                    }}},
       .errors = {
           {"none", [] { concat({}); }, "concat: expected at least one tensor, got none"},
           {"0-d",
            [] {
              concat({scalar(1), scalar(2)});
            },
            "concat: expected tensors with at least one dimension, got 0-d ones"},
           {"shapes",
            [] {
              concat({a, b}, 0);
            },
            "concat: expected shapes that agree but along dimension 0, got (2, 3) and (2, 1)"},
           {"ranks",
            [] {
              concat({a, ones({2}, {.dtype = DType::float64})}, 0);
            },
            "concat: expected shapes that agree but along dimension 0, got (2, 3) and (2)"},
           {"dimension",
            [] {
              concat({a, c}, 2);
            },
            "concat: dimension 2 is out of range for 2 dimensions"},
           {"dtypes",
            [] {
              concat({a, ones({2, 3})});
            },
            "concat: expected tensors of one dtype, got float64 and float32"}}});
  CHECK(concat({uniform64({0}), uniform64({0})}).shape() == Dims{0});
}

TEST_CASE("stack") {
  run({.name = "stack",
       .samples = {stack_sample("first", {a, c}, 0),
                   stack_sample("middle", {a, c, a}, 1),
                   {"last",
                    {a, c},
                    [](const Tensors& t) { return stack(t, -1); },
                    [](const Tensors& t) { return joined(t, 2); }},
                   stack_sample("0-d", {uniform64({}), uniform64({}, -1, 1, 2)}, 0)},
       .errors = {{"none", [] { stack({}); }, "stack: expected at least one tensor, got none"},
                  {"shapes",
                   [] {
                     stack({a, b});
                   },
                   "stack: expected tensors of one shape, got (2, 3) and (2, 1)"}}});
}

TEST_CASE("split is concat's inverse") {
  const Tensor x = uniform64({2, 7, 3});
  const auto whole = [](const Tensors& t) { return t[0].to_vector<double>(); };
  run({.name = "split",
       .samples = {{"equal sizes and a rest",
                    {x},
                    [](const Tensors& t) { return concat(split(t[0], 3, 1), 1); },
                    whole},
                   {"given sizes",
                    {x},
                    [](const Tensors& t) {
                      return concat(split(t[0], {2, 0, 5}, -2), 1);
                    },
                    whole},
                   {"no elements",
                    {uniform64({0, 2})},
                    [](const Tensors& t) { return concat(split(t[0], 2)); },
                    whole}},
       .errors = {{"size", [=] { split(x, 0); }, "split: expected a size of at least 1, got 0"},
                  {"sum",
                   [=] {
                     split(x, {2, 2}, 1);
                   },
                   "split: sizes add up to 4, but dimension 1 of shape (2, 7, 3) has 7"},
                  {"negative",
                   [=] {
                     split(x, {8, -1}, 1);
                   },
                   "split: negative size -1"}}});
  const auto parts = split(x, 3, 1);
  REQUIRE(parts.size() == 3);
  CHECK(parts[2].shape() == Dims{2, 1, 3});
  CHECK(parts[1].storage() == x.storage());
}

TEST_CASE("concat: a frozen part gets no gradient") {
  const Tensor w = leaf(ones({2}));
  const Tensor frozen = ones({3});
  backward(concat({frozen, w}), tensor<float>({1, 2, 3, 4, 5}));
  CHECK(grad(w).to_vector() == std::vector<float>{4, 5});
}

}  // namespace papilio::test
