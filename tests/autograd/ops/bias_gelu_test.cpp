#include "autograd/ops/bias_gelu.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/shape.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/compare.h"
#include "tests/devices.h"

namespace papilio::test {

namespace {

double exact(double x) {
  return x * std::erfc(-x / std::sqrt(2.0)) / 2;
}
double by_tanh(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// in: x, bias
Sample sample(const char* label, const Dims& shape, GeluApproximate approximate) {
  const auto f = [approximate](const Tensors& in) { return bias_gelu(in[0], in[1], approximate); };
  const auto reference = [approximate](const Tensors& in) {
    std::vector<double> x = in[0].to_vector<double>();
    const std::vector<double> bias = in[1].to_vector<double>();
    for (size_t i = 0; i < x.size(); ++i) {
      const double sum = x[i] + bias[i % bias.size()];
      x[i] = approximate == GeluApproximate::tanh ? by_tanh(sum) : exact(sum);
    }
    return x;
  };
  return {label, {uniform64(shape, -3, 3, 1), uniform64({shape.back()}, -2, 2, 2)}, f, reference};
}

OpCase of(GeluApproximate approximate) {
  const auto at = [approximate](const char* label, const Dims& shape) {
    return sample(label, shape, approximate);
  };
  return {.name = "bias_gelu",
          .samples = {at("one row", {8}), at("rows", {2, 3, 16}), at("rows of odd length", {5, 7}),
                      at("a few vectors and a rest", {3, 37}), at("size-1 rows", {3, 1}),
                      at("more rows than one group", {40, 8}), at("no rows", {0, 4}),
                      at("empty rows", {3, 0})}};
}

}  // namespace

TEST_CASE("bias_gelu") {
  OpCase c = of(GeluApproximate::none);
  c.errors = {{"0-d", [] { bias_gelu(scalar(1), ones({1})); },
               "bias_gelu: expected at least one dimension, got a 0-d tensor"},
              {"integers", [] { bias_gelu(arange(3), ones({3})); },
               "bias_gelu: expected a floating x, got int64"},
              {"undefined", [] { bias_gelu({}, ones({3})); }, "bias_gelu: x is undefined"},
              {"bias's length",
               [] {
                 bias_gelu(ones({2, 3}), ones({2}));
               },
               "bias_gelu: expected bias of shape (3), got (2)"},
              {"bias's dimensions",
               [] {
                 bias_gelu(ones({2, 3}), ones({1, 3}));
               },
               "bias_gelu: expected bias of shape (3), got (1, 3)"},
              {"two dtypes", [] { bias_gelu(ones({3}), ones({3}, {.dtype = DType::float64})); },
               "bias_gelu: expected tensors of one dtype, got float32 and float64"}};
  run(c);
}

TEST_CASE("bias_gelu, approximated with tanh") {
  run(of(GeluApproximate::tanh));
}

TEST_CASE("bias_gelu: without a bias it is gelu") {
  for (const Device device : devices()) {
    const Tensor x = copy_of(copy_of(uniform64({3, 5}, -3, 3), DType::float32), device);
    CHECK(bias_gelu(x, {}).to_vector<float>() == gelu(x).to_vector<float>());
  }
}

TEST_CASE("bias_gelu: gradients are those of add and gelu, whichever are wanted") {
  constexpr int64_t rows = 300, n = 72;  // groups of rows, and two blocks of columns in float64
  const Tensor dy = uniform64({rows, n}, -1, 1, 3);
  for (const Device device : devices()) {
    for (const auto approximate : {GeluApproximate::none, GeluApproximate::tanh}) {
      for (const DType dtype : {DType::float64, DType::float32}) {
        const auto on = [&](const Tensor& x) { return copy_of(copy_of(x, dtype), device); };
        const auto gradients = [&](auto operation, bool of_x, bool of_bias) {
          Tensor x = on(uniform64({rows, n}, -3, 3, 1)), bias = on(uniform64({n}, -2, 2, 2));
          if (of_x) set_requires_grad(x);
          if (of_bias) set_requires_grad(bias);
          backward(operation(x, bias, approximate), on(dy));
          std::vector<std::vector<double>> found;
          if (of_x) found.push_back(grad(x).to_vector<double>());
          if (of_bias) found.push_back(grad(bias).to_vector<double>());
          return found;
        };
        const auto want = gradients(bias_gelu_composed, true, true);
        const auto both = gradients(bias_gelu, true, true);
        const double error = dtype == DType::float64 ? 1e-12 : 1e-4;
        CHECK(largest_difference(both[0], want[0]) < error / 100);
        CHECK(largest_difference(both[1], want[1]) < error);
        CHECK(gradients(bias_gelu, true, false)[0] == both[0]);
        CHECK(gradients(bias_gelu, false, true)[0] == both[1]);
      }
    }
  }
}

TEST_CASE("bias_gelu keeps the product that it came from and no other memory") {
  const Tensor bias = leaf(ones({64}));
  std::weak_ptr<Storage> product, result;
  Tensor loss;
  {
    const Tensor x = linear(ones({4, 64}), leaf(ones({64, 64})));
    const Tensor y = bias_gelu(reshape(x, {2, 2, 64}), bias);
    product = x.storage(), result = y.storage();
    loss = linear(y, ones({1, 64}));
  }
  CHECK_FALSE(product.expired());
  CHECK(result.expired());
}

}  // namespace papilio::test
