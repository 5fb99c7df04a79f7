// Autocast: which dtype each operation computes in, that values and gradients are those of float32
// within bfloat16's rounding, and that scopes end as they began.
#include "autograd/autocast.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/ops/boft_linear.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/cayley.h"
#include "boft/ops/cayley_neumann.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/devices.h"

namespace papilio::test {

namespace {

constexpr DType kFull = DType::float32, kHalf = DType::bfloat16;

Tensor data(const Dims& shape, Device device, uint64_t seed = 1, DType dtype = kFull) {
  return to(copy_of(uniform64(shape, -1, 1, seed), dtype), device);
}

struct Case {
  std::string name;
  std::function<Tensor(const Tensor& x)> f;  // x: (4, 8) of either dtype
};

// In the scope each comes out in bfloat16 ...
std::vector<Case> in_bfloat16(Device device) {
  const auto full = [device](const Dims& shape) { return data(shape, device, 3); };
  return {
      {"linear",
       [=](const Tensor& x) {
         return linear(x, full({3, 8}), full({3}));
       }},
      {"matmul",
       [=](const Tensor& x) {
         return matmul(x, full({8, 2}));
       }},
      {"conv2d",
       [=](const Tensor& x) {
         return conv2d(reshape(x, {1, 2, 4, 4}), full({3, 2, 3, 3}));
       }},
      {"conv2d, patches",
       [=](const Tensor& x) {
         return conv2d(reshape(x, {1, 2, 4, 4}), full({3, 2, 2, 2}), full({3}), {.stride = 2});
       }},
      {"attention",
       [=](const Tensor& x) {
         const Tensor q = reshape(x, {1, 2, 4, 4});
         return scaled_dot_product_attention(q, q, full({1, 2, 4, 4}));
       }},
      {"linear_gelu",
       [=](const Tensor& x) {
         return linear_gelu(x, full({16, 8}), full({16}), GeluApproximate::tanh);
       }},
      {"boft_linear",
       [=](const Tensor& x) {
         return boft_linear(x, full({3, 8}), full({3}), cayley(full({1, 2, 4, 4})), full({3, 1}));
       }},
  };
}

// ... in float32 ...
std::vector<Case> in_float32(Device device) {
  const auto full = [device](const Dims& shape) { return data(shape, device, 3); };
  const Tensor row = data({8}, device, 3);
  return {
      {"softmax", [](const Tensor& x) { return softmax(x); }},
      {"log_softmax", [](const Tensor& x) { return log_softmax(x); }},
      {"layer_norm", [=](const Tensor& x) { return layer_norm(x, row, row); }},
      {"group_norm", [=](const Tensor& x) { return group_norm(x, 1, {}, {}, {.silu = true}); }},
      {"mse_loss", [=](const Tensor& x) { return mse_loss(x, x * 0.5); }},
      {"add_layer_norm", [=](const Tensor& x) { return add_layer_norm(x, x, row, row).norm; }},
      {"cross_entropy",
       [=](const Tensor& x) {
         return cross_entropy(x, to(tensor<int64_t>({0, 7, 2, 3}), device));
       }},
      {"cross_entropy, soft targets",
       [=](const Tensor& x) {
         return cross_entropy(x, softmax(full({4, 8})));
       }},
      {"exp", [](const Tensor& x) { return exp(x); }},
      {"log", [](const Tensor& x) { return log(abs(x)); }},
      {"pow", [](const Tensor& x) { return pow(x, 2); }},
      {"pow of two tensors", [](const Tensor& x) { return pow(abs(x), x); }},
      {"sum", [](const Tensor& x) { return sum(x); }},
      {"mean", [](const Tensor& x) { return mean(x, {1}); }},
      {"var", [](const Tensor& x) { return var(x); }},
      {"cayley",
       [](const Tensor& x) {
         return cayley(reshape(x, {2, 4, 4}));
       }},
      {"cayley_neumann",
       [](const Tensor& x) {
         return cayley_neumann(reshape(x, {2, 4, 4}), 5);
       }},
      {"butterfly_rotation",
       [=](const Tensor& x) {
         return butterfly_rotation(x, full({1, 2, 4, 4}));
       }},
      {"butterfly_rotation_transposed",
       [=](const Tensor& x) {
         return butterfly_rotation_transposed(x, full({1, 2, 4, 4}));
       }},
  };
}

// ... in its input's dtype ...
std::vector<Case> in_own_dtype(Device device) {
  const Tensor row = data({8}, device, 3);
  return {
      {"gelu", [](const Tensor& x) { return gelu(x); }},
      {"bias_gelu", [=](const Tensor& x) { return bias_gelu(x, row); }},
      {"relu", [](const Tensor& x) { return relu(x); }},
      {"tanh", [](const Tensor& x) { return tanh(x); }},
      {"dropout", [](const Tensor& x) { return dropout(x, 0.5, true); }},
      {"max", [](const Tensor& x) { return max(x); }},
      {"times a number", [](const Tensor& x) { return x * 2.0; }},
      {"reshape",
       [](const Tensor& x) {
         return reshape(x, {8, 4});
       }},
      {"select", [](const Tensor& x) { return select(x, 0, 1); }},
      {"x + x", [](const Tensor& x) { return x + x; }},
  };
}

// ... or in the widest of its inputs' dtypes, here float32.
std::vector<Case> in_widest(Device device) {
  const auto full = [device](const Dims& shape) { return data(shape, device, 3); };
  const Tensor row = data({8}, device, 3);
  return {
      {"x + float32", [=](const Tensor& x) { return x + row; }},
      {"float32 - x", [=](const Tensor& x) { return row - x; }},
      {"float32 * x", [=](const Tensor& x) { return row * x; }},
      {"x / float32", [=](const Tensor& x) { return x / row; }},
      {"maximum", [=](const Tensor& x) { return maximum(x, row); }},
      {"minimum", [=](const Tensor& x) { return minimum(row, x); }},
      {"where", [=](const Tensor& x) { return where(gt(x, row), x, row); }},
      {"concat",
       [=](const Tensor& x) {
         return concat({full({1, 8}), x}, 0);
       }},
      {"stack",
       [=](const Tensor& x) {
         return stack({x, x, full({4, 8})}, 0);
       }},
  };
}

struct Group {
  std::vector<Case> cases;
  DType of_full, of_half;  // the results' dtypes in the scope
};

// As torch.autocast("cuda", dtype=torch.bfloat16) has it, and Papilio's own operations.
std::vector<Group> groups(Device device) {
  return {{in_bfloat16(device), kHalf, kHalf},
          {in_float32(device), kFull, kFull},
          {in_own_dtype(device), kFull, kHalf},
          {in_widest(device), kFull, kFull}};
}

std::vector<double> values(const Tensor& x) {
  return x.to_vector<double>();
}

// Largest difference over the largest value of `b`.
double relative_difference(const Tensor& a, const Tensor& b) {
  const auto x = values(a), y = values(b);
  REQUIRE(x.size() == y.size());
  double most = 0, size = 1e-30;
  for (size_t i = 0; i < x.size(); ++i) {
    most = std::max(most, std::abs(x[i] - y[i]));
    size = std::max(size, std::abs(y[i]));
  }
  return most / size;
}

// f's value and gradient at random x, inside a scope of `dtype`.
std::pair<Tensor, Tensor> pass(const Case& c, Device device, DType dtype) {
  const Tensor x = leaf(data({4, 8}, device, 5));
  Tensor y;
  {
    const Autocast scope(dtype);
    y = c.f(x);
  }
  backward(y, copy_of(data(y.shape(), device, 7), y.dtype()));
  return {y.detach(), grad(x)};
}

}  // namespace

TEST_CASE("Autocast: the dtype of every operation, inside and outside") {
  for (const Device device : devices()) {
    const Tensor full = data({4, 8}, device), half = data({4, 8}, device, 1, kHalf);
    for (const Group& group : groups(device)) {
      for (const Case& c : group.cases) {
        CAPTURE(c.name);
        CAPTURE(device);
        CHECK(c.f(full).dtype() == kFull);
        const Autocast scope;
        CHECK(c.f(full).dtype() == group.of_full);
        CHECK(c.f(half).dtype() == group.of_half);
      }
    }
  }
}

TEST_CASE("Autocast: values and gradients are float32's within bfloat16's rounding") {
  for (const Device device : devices()) {
    for (const Group& group : groups(device)) {
      for (const Case& c : group.cases) {
        if (c.name == "dropout" || c.name == "max") continue;  // another mask, another place
        CAPTURE(c.name);
        CAPTURE(device);
        const auto [y, dx] = pass(c, device, kHalf);
        const auto [wanted, wanted_dx] = pass(c, device, kFull);
        CHECK(dx.dtype() == kFull);
        CHECK(relative_difference(y, wanted) < 1.6e-2);
        CHECK(relative_difference(dx, wanted_dx) < 1.6e-2);
        // What is not rounded has float32's bits.
        if (group.of_full != group.of_half) CHECK(values(y) == values(wanted));
      }
    }
  }
}

TEST_CASE("Autocast: a product of float32 tensors has the bits of one of their bfloat16 values") {
  for (const Device device : devices()) {
    const Tensor x = data({5, 8}, device), w = leaf(data({3, 8}, device, 2)),
                 b = leaf(data({3}, device, 3));
    const auto half = [](const Tensor& t) { return copy_of(t.detach(), kHalf); };
    const Autocast scope;
    const Tensor y = linear(x, w, b);
    CHECK(values(y) == values(linear(half(x), half(w), half(b))));
    // Against sums in float64: each result is rounded once.
    const auto xs = values(half(x)), ws = values(half(w)), bs = values(half(b)), ys = values(y);
    for (size_t i = 0; i < 5; ++i) {
      for (size_t j = 0; j < 3; ++j) {
        double sum = bs[j];
        for (size_t k = 0; k < 8; ++k) sum += xs[i * 8 + k] * ws[j * 8 + k];
        CHECK(std::abs(ys[i * 3 + j] - sum) <= std::abs(sum) * 0x1p-8 + 1e-2 * 0x1p-8);
      }
    }
    // In the scope or behind it, backward gives parameters float32 gradients.
    backward(sum(y * y));
    CHECK(grad(w).dtype() == kFull);
    CHECK(grad(b).dtype() == kFull);
    CHECK(w.dtype() == kFull);
  }
}

TEST_CASE("Autocast: float64, integers and undefined tensors are left alone") {
  const Autocast scope;
  const Tensor x = uniform64({2, 3});
  CHECK(linear(x, uniform64({4, 3})).dtype() == DType::float64);
  CHECK(softmax(x).dtype() == DType::float64);
  CHECK(sum(tensor<int64_t>({1, 2})).dtype() == DType::int64);
  CHECK((copy_of(x, kHalf) + x).dtype() == DType::float64);
  CHECK((copy_of(x, kHalf) + copy_of(x, DType::float16)).dtype() == kFull);
  CHECK_THROWS_WITH_AS(linear(x, ones({4, 3})),
                       "linear: expected tensors of one dtype, got float64 and bfloat16",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(tensor<int64_t>({1}) + ones({1}),
                       "add: expected tensors of one dtype, got int64 and float32", ArgumentError);
  CHECK_THROWS_WITH_AS(linear(Tensor(), ones({4, 3})), "linear: x is undefined", ArgumentError);
  CHECK_THROWS_WITH_AS(add(Tensor(), copy_of(x, kHalf)), "add: first argument is undefined",
                       ArgumentError);
}

TEST_CASE("Autocast: scopes nest, are switched off inside, and end with an exception") {
  const Tensor a = ones({2, 2});
  const auto product = [&] { return matmul(a, a).dtype(); };
  CHECK_FALSE(autocast_enabled());
  {
    const Autocast outer;
    CHECK(autocast_dtype() == kHalf);
    CHECK(product() == kHalf);
    {
      const Autocast off(kFull);
      CHECK_FALSE(autocast_enabled());
      CHECK(product() == kFull);
      const Autocast on_again;
      CHECK(product() == kHalf);
    }
    CHECK(product() == kHalf);
    // An operation that fails leaves the scope on.
    CHECK_THROWS_AS(matmul(a, ones({3, 3})), ArgumentError);
    CHECK(product() == kHalf);
    CHECK_THROWS_WITH_AS(Autocast{DType::float16},
                         "Autocast: expected bfloat16, or float32 for none, got float16",
                         ArgumentError);
    CHECK(product() == kHalf);
  }
  try {
    const Autocast scope;
    throw Error("out of the scope");
  } catch (const Error&) {
    CHECK(product() == kFull);
  }
}

TEST_CASE("Autocast: a scope is its thread's own") {
  const Tensor a = ones({2, 2});
  const Autocast scope;
  DType there = kHalf;
  std::thread other([&] {
    there = matmul(a, a).dtype();
    const Autocast of_the_thread;
  });
  other.join();
  CHECK(there == kFull);
  CHECK(matmul(a, a).dtype() == kHalf);
}

TEST_CASE("Autocast: backward inside the scope, twice, with accumulated gradients") {
  const Tensor w = leaf(data({3, 4}, Device::cpu()));
  const Tensor x = data({2, 4}, Device::cpu(), 2);
  const auto pass = [&] { backward(sum(softmax(linear(x, w)) * linear(x, w))); };
  pass();
  const Tensor full = copy_of(grad(w));
  zero_grad(w);
  const Autocast scope;
  pass();
  pass();
  CHECK(grad(w).dtype() == kFull);
  CHECK(relative_difference(grad(w), full * 2.0) < 3e-2);
  const NoGrad no_grad;
  CHECK_FALSE(linear(x, w).requires_grad());
}

}  // namespace papilio::test
