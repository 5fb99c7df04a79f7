#include "boft/ops/multiplicative_dropout.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/dense.h"

namespace papilio::test {

namespace {

// The blocks of y that differ from q's, as (factor, block); all of them must be the identity.
std::set<std::pair<int64_t, int64_t>> replaced(const Tensor& y, const Tensor& q) {
  std::set<std::pair<int64_t, int64_t>> blocks;
  for (int64_t i = 0; i < q.size(0); ++i)
    for (int64_t n = 0; n < q.size(1); ++n) {
      if (largest(block(y, i, n) - block(q, i, n)) == 0) continue;
      CHECK(largest(block(y, i, n) - identity(q.size(2))) == 0);
      blocks.emplace(i, n);
    }
  return blocks;
}

}  // namespace

TEST_CASE("multiplicative_dropout") {
  Tensor q = uniform64({2, 4, 3, 3});
  run({.name = "multiplicative_dropout",
       .samples = {{"half of one factor",
                    {q},
                    [](const Tensors& in) {
                      Generator g(3);
                      return multiplicative_dropout(in[0], 0.5, true, g);
                    },
                    [](const Tensors& in) {  // the same draw, applied to the values by hand
                      Generator g(3);
                      const auto factor = randint(0, 2, {1}, DType::int64, g).item<int64_t>();
                      const auto order = randperm(4, g).to_vector<int64_t>();
                      auto values = in[0].to_vector<double>();
                      for (int64_t k = 0; k < 2; ++k)
                        for (int64_t e = 0; e < 9; ++e)
                          values[size_t((factor * 4 + order[size_t(k)]) * 9 + e)] = e % 4 == 0;
                      return values;
                    }}},
       .errors = {{"p above 1",
                   [] {
                     multiplicative_dropout(ones({1, 2, 2, 2}), 1.5, true);
                   },
                   "multiplicative_dropout: expected p in [0, 1], got 1.5"},
                  {"NaN",
                   [] {
                     multiplicative_dropout(ones({1, 2, 2, 2}), std::nan(""), true);
                   },
                   "multiplicative_dropout: expected p in [0, 1], got nan"},
                  {"shape",
                   [] {
                     multiplicative_dropout(ones({2, 2, 2}), 0.5, true);
                   },
                   "multiplicative_dropout: expected q of shape (m, N, b, b), got (2, 2, 2)"}},
       .propagates_nan = false});  // a NaN may lie in a replaced block
}

TEST_CASE("multiplicative_dropout replaces exactly int(p N) blocks of one factor") {
  Generator g(1);
  const Tensor q = uniform64({3, 10, 2, 2}, 2, 3);
  std::set<int64_t> factors, blocks;
  for (const double p : {0.05, 0.1, 0.25, 0.3, 0.99, 1.0})
    for (int round = 0; round < 40; ++round) {
      const auto found = replaced(multiplicative_dropout(q, p, true, g), q);
      CHECK(int64_t(found.size()) == int64_t(p * 10));
      for (const auto& [i, n] : found) {
        CHECK(i == found.begin()->first);
        factors.insert(i), blocks.insert(n);
      }
    }
  CHECK(factors.size() == 3);
  CHECK(blocks.size() == 10);
}

TEST_CASE("multiplicative_dropout outside training, or of less than one block, is q itself") {
  Generator g(1);
  const Tensor q = leaf(uniform64({1, 8, 2, 2}));
  CHECK(multiplicative_dropout(q, 0.9, false, g).raw_data() == q.raw_data());
  CHECK(multiplicative_dropout(q, 0.12, true, g).raw_data() == q.raw_data());
  CHECK(g.state().offset == 0);
}

TEST_CASE("multiplicative_dropout gives replaced blocks no gradient and the others all of it") {
  Generator g(5);
  const Tensor q = leaf(uniform64({2, 6, 3, 3}, 2, 3)), dy = uniform64({2, 6, 3, 3}, 1, 2, 9);
  const Tensor y = multiplicative_dropout(q, 0.5, true, g);
  const auto gone = replaced(y.detach(), q.detach());
  CHECK(gone.size() == 3);
  backward(y, dy);
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t n = 0; n < 6; ++n) {
      const Matrix got = block(grad(q), i, n);
      if (gone.count({i, n}))
        CHECK(largest(got) == 0);
      else
        CHECK(largest(got - block(dy, i, n)) == 0);
    }
}

}  // namespace papilio::test
