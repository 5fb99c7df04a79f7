#include "autograd/ops/index.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/shape.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

Tensor indices(const std::vector<int64_t>& values) {
  return tensor<int64_t>(values);
}

// x seen as (outer, n, inner).
struct Around {
  int64_t outer = 1, n, inner = 1;
  Around(const Tensor& x, int dim) : n(x.size(dim)) {
    for (int i = 0; i < dim; ++i) outer *= x.size(i);
    for (int i = dim + 1; i < x.dim(); ++i) inner *= x.size(i);
  }
};

Sample select_sample(const char* label, Tensor x, int dim, Tensor index) {
  return {label,
          {x, index},
          [=](const Tensors& t) { return index_select(t[0], dim - x.dim(), t[1]); },
          [=](const Tensors& t) {
            const auto v = t[0].to_vector<double>();
            const auto at = t[1].to_vector<int64_t>();
            const Around s(t[0], dim);
            std::vector<double> y;
            for (int64_t o = 0; o < s.outer; ++o)
              for (int64_t i : at)
                for (int64_t c = 0; c < s.inner; ++c)
                  y.push_back(v[size_t((o * s.n + i) * s.inner + c)]);
            return y;
          }};
}

Sample gather_sample(const char* label, Tensor x, int dim, Tensor index) {
  return {label,
          {x, index},
          [=](const Tensors& t) { return gather(t[0], dim, t[1]); },
          [=](const Tensors& t) {
            const auto v = t[0].to_vector<double>();
            const auto at = t[1].to_vector<int64_t>();
            std::vector<double> y;
            for (int64_t j = 0; j < t[1].numel(); ++j) {
              int64_t rest = j, scale = 1, from = 0;
              for (int d = x.dim() - 1; d >= 0; --d) {
                from += (d == dim ? at[size_t(j)] : rest % t[1].size(d)) * scale;
                rest /= t[1].size(d);
                scale *= x.size(d);
              }
              y.push_back(v[size_t(from)]);
            }
            return y;
          }};
}

const auto x34 = uniform64({3, 4}), x235 = uniform64({2, 3, 5});

}  // namespace

TEST_CASE("index_select") {
  run({.name = "index_select",
       .samples = {select_sample("rows, some twice", x34, 0, indices({2, 0, 2, 2})),
                   select_sample("columns", x34, 1, indices({3, 3, 1})),
                   select_sample("middle", x235, 1, indices({1, 0, 1, 2, 1})),
                   select_sample("0-d index", x34, 0, scalar(1, {.dtype = DType::int64})),
                   select_sample("none", x34, 0, indices({})),
                   select_sample("wide rows", uniform64({4, 600}), 0, indices({3, 3, 0}))},
       .errors = {{"above",
                   [] {
                     index_select(x34, 0, indices({0, 1, 3}));
                   },
                   "index_select: index 3 at (2) is out of range [0, 3)"},
                  {"negative", [] { index_select(x34, 1, indices({-1})); },
                   "index_select: index -1 at (0) is out of range [0, 4)"},
                  {"floats", [] { index_select(x34, 0, ones({2})); },
                   "index_select: expected index of int64, got float32"},
                  {"2-d",
                   [] {
                     index_select(x34, 0, zeros({1, 2}, {.dtype = DType::int64}));
                   },
                   "index_select: expected an index with one dimension, got shape (1, 2)"},
                  {"dimension", [] { index_select(x34, 2, indices({0})); },
                   "index_select: dimension 2 is out of range for 2 dimensions"}}});
}

TEST_CASE("gather") {
  const auto per_row = tensor<int64_t>({1, 3, 0}, {3, 1});
  const auto many = tensor<int64_t>({0, 2, 1, 1, 0, 0, 2, 2, 1, 0, 0, 0}, {2, 3, 2});
  run({.name = "gather",
       .samples = {gather_sample("one a row", x34, 1, per_row),
                   gather_sample("down the columns", x34, 0,
                                 tensor<int64_t>({2, 0, 1, 1, 2, 2, 0, 0}, {2, 4})),
                   gather_sample("smaller than x", x235, 1, many),
                   gather_sample("longer than x", uniform64({2}), 0, indices({1, 0, 1, 1})),
                   gather_sample("none", x34, 0, zeros({0, 4}, {.dtype = DType::int64}))},
       .errors = {{"range",
                   [=] {
                     gather(x34, 1, tensor<int64_t>({0, 0, 4}, {3, 1}));
                   },
                   "gather: index 4 at (2, 0) is out of range [0, 4)"},
                  {"rank", [] { gather(x34, 1, indices({0})); },
                   "gather: expected an index no larger than x but along dimension 1, got (1) for "
                   "x of shape (3, 4)"},
                  {"size",
                   [] {
                     gather(x34, 1, zeros({4, 1}, {.dtype = DType::int64}));
                   },
                   "gather: expected an index no larger than x but along dimension 1, got (4, 1) "
                   "for x of shape (3, 4)"}}});
}

TEST_CASE("embedding") {
  const auto words = tensor<int64_t>({2, 0, 1, 2, 2, 0}, {2, 3});
  const auto rows = [](const Tensors& t) {
    const auto w = t[0].to_vector<double>();
    std::vector<double> y;
    for (int64_t i : t[1].to_vector<int64_t>())
      for (int64_t c = 0; c < t[0].size(1); ++c) y.push_back(w[size_t(i * t[0].size(1) + c)]);
    return y;
  };
  const auto f = [](const Tensors& t) { return embedding(t[0], t[1]); };
  run({.name = "embedding",
       .samples = {{"2-d indices", {x34, words}, f, rows},
                   {"0-d", {x34, scalar(2, {.dtype = DType::int64})}, f, rows},
                   {"none", {x34, zeros({0, 2}, {.dtype = DType::int64})}, f, rows}},
       .errors = {{"range",
                   [] {
                     embedding(x34, tensor<int64_t>({0, 1, 3, 0}, {2, 2}));
                   },
                   "embedding: index 3 at (1, 0) is out of range [0, 3)"},
                  {"weight", [] { embedding(x235, indices({0})); },
                   "embedding: expected weight of shape (n, d), got (2, 3, 5)"},
                  {"padding", [] { embedding(x34, indices({0}), 3); },
                   "embedding: padding_idx 3 is out of range for 3 rows"}}});
}

TEST_CASE("embedding: the padding row gets no gradient, however it is named") {
  for (int64_t padding : {1, -2}) {
    const Tensor w = leaf(ones({3, 2}));
    const Tensor y = embedding(w, indices({1, 0, 1, 0}), padding);
    backward(y, ones_like(y));
    CHECK(grad(w).to_vector() == std::vector<float>{2, 2, 0, 0, 0, 0});
  }
}

TEST_CASE("bfloat16 gradients of index operations are summed in float32") {
  // 1000 times 1: bfloat16 itself stops counting at 256.
  const TensorOptions bf16{.dtype = DType::bfloat16};
  const Tensor at = zeros({1000}, {.dtype = DType::int64});
  const Tensor w = leaf(ones({2, 1}, bf16)), x = leaf(ones({2}, bf16));
  backward(embedding(w, at), ones({1000, 1}, bf16));
  backward(gather(x, 0, at), ones({1000}, bf16));
  CHECK(grad(w).to_vector() == std::vector<float>{1000, 0});
  CHECK(grad(x).to_vector() == std::vector<float>{1000, 0});
}

TEST_CASE("index operations read contiguous views at an offset, and any dtype") {
  const Tensor x = tensor<int64_t>({9, 9, 9, 1, 2, 3, 4, 5, 6}, {3, 3});
  const Tensor part = slice(x, 0, 1);
  CHECK(index_select(part, 0, indices({1})).to_vector<int64_t>() == std::vector<int64_t>{4, 5, 6});
  CHECK(embedding(part, slice(indices({7, 0}), 0, 1)).to_vector<int64_t>() ==
        std::vector<int64_t>{1, 2, 3});
  CHECK(gather(part, 1, tensor<int64_t>({2, 0}, {2, 1})).to_vector<int64_t>() ==
        std::vector<int64_t>{3, 4});
}

}  // namespace papilio::test
