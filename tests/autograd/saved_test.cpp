// What the backward pass makes again instead of keeping it: the same bits, less memory.
#include "autograd/saved.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/devices.h"

namespace papilio::test {

namespace {

using Function = std::function<Tensor(const Tensor&)>;

struct Case {
  std::string name;
  Function f;  // (rows, 64) -> (rows, 64)
};

Tensor on(Device device, const Tensor& x) {
  return copy_of(x, device);
}

std::vector<Case> cases(Device device) {
  const Tensor bias = leaf(on(device, randn({64}))), scale = leaf(on(device, randn({64})));
  const Tensor more = leaf(on(device, randn({256, 64})));
  return {
      {"layer_norm", [=](const Tensor& x) { return layer_norm(x, scale, bias); }},
      {"norm of a sum", [=](const Tensor& x) { return add_layer_norm(x, more, scale, bias).norm; }},
      {"sum beside its norm",
       [=](const Tensor& x) {
         const auto [sum, norm] = add_layer_norm(x, more);
         return sum;
       }},
      {"bias_gelu", [=](const Tensor& x) { return bias_gelu(x, bias, GeluApproximate::tanh); }},
      {"gelu", [](const Tensor& x) { return gelu(x); }},
      {"silu", [](const Tensor& x) { return silu(x); }},
      {"add", [=](const Tensor& x) { return x + more; }},
      {"scale", [=](const Tensor& x) { return x * scale; }},
      {"cast", [](const Tensor& x) { return cast(cast(x, DType::bfloat16), DType::float32); }},
      {"dropout",
       [](const Tensor& x) {
         Generator g(3);
         return dropout(x, 0.4, true, g);
       }},
      {"all in a row",
       [=](const Tensor& x) {
         Generator g(3);
         return dropout(gelu(layer_norm(x * scale + more, bias)), 0.4, true, g);
       }},
  };
}

std::vector<double> gradient(const Tensor& x) {
  return grad(x).to_vector<double>();
}

}  // namespace

TEST_CASE("saved: what a weight's gradient reads is made again with the same bits") {
  for (const Device device : devices()) {
    manual_seed(1);
    const Tensor x = leaf(on(device, randn({256, 64}))), w = leaf(on(device, randn({3, 64})));
    const Tensor dy = on(device, randn({256, 3}));
    for (const Case& c : cases(device)) {
      CAPTURE(c.name);
      // f's output as a leaf is held as it is.
      const Tensor h = c.f(x), held = leaf(copy_of(h.detach()));
      backward(linear(held, w), dy);
      backward(h, grad(held));
      const std::vector<double> dw = gradient(w), dx = gradient(x);
      zero_grad(w), zero_grad(x);
      backward(linear(c.f(x), w), dy);
      CHECK(gradient(w) == dw);
      CHECK(gradient(x) == dx);
      zero_grad(w), zero_grad(x);
    }
  }
}

TEST_CASE("saved: what can be made again is not held") {
  manual_seed(1);
  const Tensor x = leaf(randn({256, 64})), w = leaf(randn({3, 64}));
  const auto bytes = int64_t(x.storage()->bytes());
  for (const Case& c : cases(Device::cpu())) {
    CAPTURE(c.name);
    const auto before = int64_t(memory_stats().in_use);
    const Tensor y = linear(c.f(x), w), z = linear(c.f(x), w);
    const int64_t held = int64_t(memory_stats().in_use) - before;
    // The outputs and statistics; and in a row the norm's own x, twice.
    CHECK(held < bytes / 2 + (c.name == "all in a row" ? 2 * bytes : 0));
  }
}

TEST_CASE("saved: residual sums are held now and then, so that none takes long to make") {
  manual_seed(1);
  constexpr int64_t kSums = 24;
  const Tensor w = leaf(randn({1, 64}));
  Tensor x = leaf(randn({256, 64})), y = x;
  const auto before = int64_t(memory_stats().in_use);
  std::vector<Tensor> losses;
  int deepest = 0;
  for (int64_t i = 0; i < kSums; ++i) {
    y = y + x;
    losses.push_back(linear(y, w));
    deepest = std::max(deepest, Saved(y).depth());
  }
  const int64_t held = int64_t(memory_stats().in_use) - before;
  CHECK(deepest == 4);
  CHECK(held < (kSums / 5 + 2) * int64_t(x.storage()->bytes()));
}

TEST_CASE("saved: an input that was changed in place is noticed") {
  Tensor x = leaf(full({4, 2}, 1.0)), w = leaf(full({1, 2}, 1.0));
  const Tensor y = sum(linear(gelu(x), w));
  fill_(x, 2);
  CHECK_THROWS_WITH_AS(
      backward(y),
      "backward: an input or the output of gelu was changed in place after the forward pass",
      Error);
  CHECK_FALSE(grad(w).defined());
}

}  // namespace papilio::test
