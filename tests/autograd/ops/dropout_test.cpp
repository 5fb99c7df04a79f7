#include "autograd/ops/dropout.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/reduce.h"
#include "kernels/philox.h"
#include "tensor/batch_rows.h"
#include "tensor/copy.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

// Every call starts at the same place of the stream.
Sample sample(const char* label, const Tensor& x, double p) {
  return {label,
          {x},
          [p](const Tensors& in) {
            Generator g(7);
            g.reserve(8);
            return dropout(in[0], p, true, g);
          },
          [p](const Tensors& in) {
            std::vector<double> y = in[0].to_vector<double>();
            for (size_t i = 0; i < y.size(); ++i)
              y[i] = double(philox_bits(7, 8 + i)) < p * 0x1p32 ? 0 : y[i] / (1 - p);
            return y;
          }};
}

}  // namespace

TEST_CASE("dropout") {
  const Tensor x = ones({3});
  run({.name = "dropout",
       .samples = {sample("a tenth", uniform64({5, 7}), 0.1),
                   sample("half", uniform64({3, 100}), 0.5),
                   sample("several batches", uniform64({20, 37}), 0.25),
                   sample("0-d", uniform64({}), 0.001), sample("empty", uniform64({0, 3}), 0.5)},
       .errors = {
           {"p above 1", [&] { dropout(x, 1.5, true); }, "dropout: expected p in [0, 1], got 1.5"},
           {"negative p, not training", [&] { dropout(x, -0.5, false); },
            "dropout: expected p in [0, 1], got -0.5"},
           {"p is NaN", [&] { dropout(x, std::nan(""), true); },
            "dropout: expected p in [0, 1], got nan"},
           {"integers", [] { dropout(arange(3), 0.5, true); },
            "dropout: expected a floating x, got int64"}}});
}

TEST_CASE("dropout: p = 1 drops everything") {
  const Tensor x = leaf(ones({300}));
  const Tensor y = dropout(x, 1, true);
  for (float v : y.to_vector()) CHECK(v == 0);
  backward(y, ones({300}));
  for (float v : grad(x).to_vector()) CHECK(v == 0);
}

TEST_CASE("dropout: the identity copies nothing and draws nothing") {
  const Tensor x = ones({4});
  Generator g(3);
  CHECK(dropout(x, 0.5, false, g).storage() == x.storage());
  CHECK(dropout(x, 0, true, g).storage() == x.storage());
  CHECK(g.state() == GeneratorState{3, 0});
}

TEST_CASE("dropout: the gradient has the output's mask, and the mean is kept") {
  Generator g(1);
  const Tensor x = leaf(ones({100, 100}));
  const Tensor y = dropout(x, 0.3, true, g);
  backward(y, ones({100, 100}));
  CHECK(grad(x).to_vector() == y.to_vector());
  double sum = 0;
  for (float v : y.to_vector()) sum += v;
  CHECK(sum / 1e4 == doctest::Approx(1).epsilon(0.03));
  CHECK(dropout(x, 0.3, true, g).to_vector() != y.to_vector());  // the next call draws anew
}

TEST_CASE("dropout: the rows of a batch have their part of the whole batch's mask") {
  // 35 and 8 numbers a sample: beginning at any word, and at a multiple of 4.
  for (const Dims& shape : {Dims{6, 5, 7}, Dims{6, 8}, Dims{6, 1}}) {
    const Tensor x = uniform64(shape);
    Generator whole(3), part(3);
    whole.reserve(8), part.reserve(8);
    const std::vector<double> want = dropout(x, 0.4, true, whole).to_vector<double>();
    std::vector<double> got;
    for (const auto& [first, count] : {std::pair(0, 1), std::pair(1, 3), std::pair(4, 2)}) {
      part.set_state({3, 8});
      const DrawForRows drawn({first, count, 6});
      Tensor rows = copy_of(x.alias(x.layout().slice("test", 0, first, first + count)));
      set_requires_grad(rows);
      const Tensor y = dropout(rows, 0.4, true, part);
      const std::vector<double> values = y.to_vector<double>();
      got.insert(got.end(), values.begin(), values.end());
      CHECK(part.state() == whole.state());
      backward(sum(y));
      const std::vector<double> dx = grad(rows).to_vector<double>();
      for (size_t i = 0; i < dx.size(); ++i) CHECK((dx[i] == 0) == (values[i] == 0));
    }
    CHECK(got == want);
  }
  const DrawForRows drawn({2, 4, 8});
  CHECK_THROWS_WITH_AS(
      dropout(ones({6, 2}), 0.5, true),
      "random numbers for rows of a batch: expected a multiple of 4 samples, got 6", ArgumentError);
}

}  // namespace papilio::test
