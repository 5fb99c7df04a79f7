#include "autograd/ops/mse_loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

std::vector<double> squares(const Tensors& in) {
  std::vector<double> x = in[0].to_vector<double>();
  const auto t = in[1].to_vector<double>();
  for (size_t i = 0; i < x.size(); ++i) x[i] = (x[i] - t[i]) * (x[i] - t[i]);
  return x;
}

std::vector<double> total(const Tensors& in, bool mean) {
  const std::vector<double> each = squares(in);
  double sum = 0;
  for (const double v : each) sum += v;
  return {mean ? sum / double(each.size()) : sum};
}

Tensors pair(const Dims& shape) {
  return {uniform64(shape, -2, 2, 1), uniform64(shape, -2, 2, 2)};
}

}  // namespace

TEST_CASE("mse_loss") {
  const auto mean = [](const Tensors& in) { return mse_loss(in[0], in[1]); };
  const auto mean_reference = [](const Tensors& in) { return total(in, true); };
  run({.name = "mse_loss",
       .samples = {{"mean", pair({2, 3, 4}), mean, mean_reference},
                   {"0-d", pair({}), mean, mean_reference},
                   {"many", pair({700}), mean, mean_reference},
                   {"sum", pair({2, 3}),
                    [](const Tensors& in) { return mse_loss(in[0], in[1], Reduction::sum); },
                    [](const Tensors& in) { return total(in, false); }},
                   {"sum of nothing", pair({0, 3}),
                    [](const Tensors& in) { return mse_loss(in[0], in[1], Reduction::sum); },
                    [](const Tensors& in) { return total(in, false); }},
                   {"each", pair({2, 3}),
                    [](const Tensors& in) { return mse_loss(in[0], in[1], Reduction::none); },
                    squares}},
       .errors = {{"shapes",
                   [] {
                     mse_loss(ones({2, 3}), ones({3}));
                   },
                   "mse_loss: expected target of shape (2, 3), got (3)"},
                  {"dtypes", [] { mse_loss(ones({2}), ones({2}, {.dtype = DType::float64})); },
                   "mse_loss: expected tensors of one dtype, got float32 and float64"},
                  {"integers", [] { mse_loss(arange(3), arange(3)); },
                   "mse_loss: expected a floating x, got int64"}}});
}

TEST_CASE("mse_loss: the mean of nothing is NaN") {
  CHECK(std::isnan(mse_loss(ones({0}), ones({0})).item()));
}

}  // namespace papilio::test
