#include "autograd/ops/mse_loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

#include "autograd/backward.h"
#include "kernels/threads.h"
#include "tensor/copy.h"
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
       .samples =
           {{"mean", pair({2, 3, 4}), mean, mean_reference},
            {"0-d", pair({}), mean, mean_reference},
            {"many", pair({700}), mean, mean_reference},
            {"several parts", pair({9, 1001}), mean, mean_reference},
            {"sum", pair({2, 3}),
             [](const Tensors& in) { return mse_loss(in[0], in[1], Reduction::sum); },
             [](const Tensors& in) { return total(in, false); }},
            {"sum of nothing", pair({0, 3}),
             [](const Tensors& in) { return mse_loss(in[0], in[1], Reduction::sum); },
             [](const Tensors& in) { return total(in, false); }},
            {"each", pair({2, 3}),
             [](const Tensors& in) { return mse_loss(in[0], in[1], Reduction::none); }, squares},
            {"each of many", pair({3, 1001}),
             [](const Tensors& in) { return mse_loss(in[0], in[1], Reduction::none); }, squares},
            {"each of nothing", pair({0, 3}),
             [](const Tensors& in) { return mse_loss(in[0], in[1], Reduction::none); }, squares}},
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

TEST_CASE("mse_loss is what it is composed of, and so are its gradients") {
  for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    std::vector<Tensor> results[2];
    for (const bool composed : {false, true}) {
      Tensor x = uniform64({5, 7, 11}, -2, 2, 1), target = uniform64({5, 7, 11}, -2, 2, 2);
      set_requires_grad(x), set_requires_grad(target);
      const Tensor y =
          composed ? mse_loss_composed(x, target, reduction) : mse_loss(x, target, reduction);
      backward(y, full(y.shape(), 1.5, {.dtype = DType::float64}));
      results[composed] = {y.detach(), grad(x), grad(target)};
    }
    for (size_t i = 0; i < 3; ++i) {
      const auto got = results[0][i].to_vector<double>(), want = results[1][i].to_vector<double>();
      REQUIRE(got.size() == want.size());
      for (size_t k = 0; k < want.size(); ++k)
        CHECK(got[k] == doctest::Approx(want[k]).epsilon(1e-13));
    }
  }
}

TEST_CASE("mse_loss: a target that wants no gradient gets none") {
  Tensor x = full({2, 2}, 3.0);
  const Tensor target = full({2, 2}, 1.0);
  set_requires_grad(x);
  backward(mse_loss(x, target));
  CHECK(grad(x).to_vector<float>() == std::vector<float>(4, 1.0F));  // 2 (3 - 1) / 4
  CHECK_FALSE(target.requires_grad());
}

TEST_CASE("mse_loss: bfloat16 is added up in float32") {
  // 2^-16 of a million elements: 256 such sums in bfloat16 would stop growing.
  const TensorOptions half{.dtype = DType::bfloat16};
  const Tensor x = full({1 << 20}, 0.00390625, half), target = zeros({1 << 20}, half);
  CHECK(mse_loss(x, target, Reduction::sum).item() == 16);
  CHECK(mse_loss(x, target).item() == 0.0000152587890625);
}

TEST_CASE("mse_loss has the same bits on any number of threads") {
  const Tensor x = copy_of(uniform64({300007}, -2, 2, 1), DType::float32),
               target = copy_of(uniform64({300007}, -2, 2, 2), DType::float32);
  const int threads = num_threads();
  std::vector<float> losses;
  for (const int count : {1, 2, 3, 7}) {
    set_num_threads(count);
    losses.push_back(mse_loss(x, target).item<float>());
  }
  set_num_threads(threads);
  CHECK(losses == std::vector<float>(4, losses[0]));
}

}  // namespace papilio::test
