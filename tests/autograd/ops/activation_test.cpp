#include "autograd/ops/activation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "tests/autograd/ops/elementwise_reference.h"

namespace papilio::test {

namespace {

OpCase activation(const char* name, std::function<Tensor(const Tensor&)> f,
                  double (*reference)(double)) {
  return {.name = name,
          .samples = map_samples(f, reference, -6, 6),
          .errors = {{"undefined", [f] { f(Tensor()); }, str(name, ": x is undefined")},
                     {"bool", [f] { f(zeros({2}, {.dtype = DType::boolean})); },
                      std::string(name) == "relu"
                          ? "relu: expected a floating, int64 or int32 tensor, got bool"
                          : str(name, ": expected a floating x, got bool")}}};
}

double gelu_reference(double x) {
  return x * std::erfc(-x / std::numbers::sqrt2) / 2;
}

double gelu_tanh_reference(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

}  // namespace

TEST_CASE("relu") {
  run(activation("relu", relu, [](double x) { return x > 0 ? x : 0; }));
  CHECK(relu(int64s({-2, 0, 5})).to_vector<int64_t>() == std::vector<int64_t>{0, 0, 5});
  const Tensor x = leaf(tensor<float>({-1, 0, 2}));
  backward(relu(x), ones_like(x));
  CHECK(grad(x).to_vector<float>() == std::vector<float>{0, 0, 1});
}

TEST_CASE("sigmoid") {
  run(activation("sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }));
  CHECK(sigmoid(tensor<float>({-1000, 1000})).to_vector<float>() == std::vector<float>{0, 1});
}

TEST_CASE("silu") {
  run(activation("silu", silu, [](double x) { return x / (1 + std::exp(-x)); }));
}

TEST_CASE("gelu") {
  run(activation(
      "gelu", [](const Tensor& x) { return gelu(x); }, gelu_reference));
  // Values of torch.nn.functional.gelu.
  const auto y = gelu(tensor<double>({-1, 0.5, 2})).to_vector<double>();
  CHECK(y[0] == doctest::Approx(-0.15865525393145707).epsilon(1e-12));
  CHECK(y[1] == doctest::Approx(0.34573123063700656).epsilon(1e-12));
  CHECK(y[2] == doctest::Approx(1.9544997361036416).epsilon(1e-12));
}

TEST_CASE("gelu, approximated with tanh") {
  run(activation(
      "gelu", [](const Tensor& x) { return gelu(x, GeluApproximate::tanh); }, gelu_tanh_reference));
}

}  // namespace papilio::test
