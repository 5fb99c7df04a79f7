#include "autograd/backward.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/gradcheck.h"
#include "autograd/record.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

// The graph alone: operations of these tests are made here with record, the way a user makes his
// own.
namespace papilio::test {

namespace {

Tensor map(const Tensor& x, double (*f)(double)) {
  std::vector<double> values = x.to_vector<double>();
  for (double& v : values) v = f(v);
  return tensor<double>(values, x.shape());
}

Tensor combine(const Tensor& a, const Tensor& b, double (*f)(double, double)) {
  std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  for (size_t i = 0; i < x.size(); ++i) x[i] = f(x[i], y[i]);
  return tensor<double>(x, a.shape());
}

double times(double a, double b) {
  return a * b;
}
double plus(double a, double b) {
  return a + b;
}

Tensor square(const Tensor& x) {
  return record("square", combine(x, x, times), {x}, [x](const Tensor& dy, Needs) {
    return Grads{combine(dy, map(x.detach(), [](double v) { return 2 * v; }), times)};
  });
}

Tensor add(const Tensor& a, const Tensor& b) {
  return record("add", combine(a, b, plus), {a, b}, [](const Tensor& dy, Needs) {
    return Grads{dy, dy};
  });
}

Tensor values(const std::vector<double>& v) {
  return tensor<double>(v);
}

}  // namespace

TEST_CASE("backward: gradients of branches that meet again are added") {
  Tensor x = leaf(values({1, 2, 3}));
  const Tensor y = square(x);
  backward(add(y, add(y, square(y))), values({1, 1, 1}));  // 2 x^2 + x^4
  CHECK(grad(x).to_vector<double>() == std::vector<double>{8, 40, 120});
}

TEST_CASE("backward: leaves accumulate over passes and never share memory") {
  Tensor a = leaf(values({1})), b = leaf(values({2}));
  backward(add(a, b));
  backward(add(a, a));
  CHECK(grad(a).item() == 3);
  CHECK(grad(b).item() == 1);
  zero_grad(a);
  CHECK_FALSE(grad(a).defined());
}

TEST_CASE("backward: the gradient handed in stays as it was") {
  Tensor x = leaf(values({3}));
  const Tensor dy = values({1});
  backward(add(x, x), dy);
  backward(add(x, x), dy);
  CHECK(dy.item() == 1);
  CHECK(grad(x).item() == 4);
}

TEST_CASE("backward: a chain of a million nodes neither overflows the stack nor leaks") {
  const size_t before = memory_stats().in_use;
  {
    Tensor x = leaf(values({1}));
    Tensor y = x;
    const Tensor zero = values({0});
    for (int i = 0; i < 1'000'000; ++i) y = add(y, zero);
    SUBCASE("run") {
      backward(y);
      CHECK(grad(x).item() == 1);
    }
    SUBCASE("dropped without a pass") {}
  }
  CHECK(memory_stats().in_use == before);
}

TEST_CASE("backward: closures that capture their inputs with history are freed without recursion") {
  Tensor x = leaf(values({1}));
  Tensor y = x;
  for (int i = 0; i < 200'000; ++i) y = square(y);
  y = {};
  CHECK(x.requires_grad());
}

TEST_CASE("backward: a second pass needs retain_graph") {
  Tensor x = leaf(values({3}));
  const Tensor y = square(x);
  backward(y, {}, true);
  backward(y);
  CHECK(grad(x).item() == 12);
  CHECK_THROWS_WITH_AS(backward(y),
                       "backward: the graph of square has been freed by an earlier backward; pass "
                       "retain_graph = true to that one",
                       Error);
}

TEST_CASE("backward: an error on the way leaves no half-finished gradients behind") {
  Tensor x = leaf(values({3}));
  const Tensor ok = square(x);
  const Tensor bad = record_without_gradient("argsort", values({1}), {x});
  CHECK_THROWS_WITH_AS(backward(add(ok, bad)), "argsort: this operation has no gradient", Error);
  x = leaf(values({3}));
  backward(square(x));
  CHECK(grad(x).item() == 6);
}

TEST_CASE("backward: a write in place between forward and backward is refused") {
  Tensor x = leaf(values({3}));
  const Tensor y = square(x);
  fill_(x, 4);
  CHECK_THROWS_WITH_AS(
      backward(y),
      "backward: an input or the output of square was changed in place after the forward pass",
      Error);
}

TEST_CASE("backward: wrong use says what is wrong") {
  Tensor x = leaf(values({1, 2}));
  CHECK_THROWS_WITH(
      backward(square(x)),
      "backward: expected a tensor with one element (or a gradient dy), got shape (2)");
  CHECK_THROWS_WITH(backward(values({1})),
                    "backward: the tensor depends on nothing that collects a gradient");
  CHECK_THROWS_WITH(backward(square(x), values({1})),
                    "backward: expected dy of float64 (2), got float64 (1)");
  CHECK_THROWS_WITH(grad(square(x)),
                    "grad: expected a leaf that collects a gradient (set_requires_grad)");
  Tensor y = square(x);
  CHECK_THROWS_WITH(set_requires_grad(y, false),
                    "set_requires_grad: the tensor was computed by square; detach() it first");
  CHECK_THROWS_WITH(leaf(arange(3)), "set_requires_grad: expected a floating tensor, got int64");
  const Tensor wrong =
      record("wrong", values({1, 2}), {x}, [](const Tensor&, Needs) { return Grads{values({1})}; });
  CHECK_THROWS_WITH(
      backward(wrong, values({1, 1})),
      "backward of wrong: expected the gradient of input 0 to be float64 (2), got float64 (1)");
}

TEST_CASE("NoGrad records nothing, also when an operation hands back its input") {
  Tensor x = leaf(values({1}));
  NoGrad no_grad;
  CHECK_FALSE(square(x).requires_grad());
  CHECK_FALSE(record("identity", x, {x}, [](const Tensor& dy, Needs) {
                return Grads{dy};
              }).requires_grad());
}

TEST_CASE("Needs: frozen inputs are not asked for") {
  Tensor a = leaf(values({1}));
  const Tensor frozen = values({2});
  bool asked_a = false, asked_b = true;
  const Tensor y = record("probe", values({0}), {a, frozen}, [&](const Tensor& dy, Needs needs) {
    asked_a = needs[0];
    asked_b = needs[1];
    return Grads{dy, {}};
  });
  backward(y);
  CHECK(asked_a);
  CHECK_FALSE(asked_b);
}

TEST_CASE("anomaly mode names the operation that first made a NaN") {
  const AnomalyMode anomaly;
  Tensor x = leaf(values({-1}));
  const auto root = [](const Tensor& t) {
    return record("sqrt", map(t, [](double v) { return std::sqrt(v); }), {t},
                  [](const Tensor& dy, Needs) { return Grads{dy}; });
  };
  CHECK_THROWS_WITH(
      root(x), "sqrt: the forward pass made a NaN (output of shape (1)) from inputs without one");
  const Tensor y = record("log", values({0}), {x},
                          [](const Tensor&, Needs) { return Grads{values({std::nan("")})}; });
  CHECK_THROWS_WITH(
      backward(y),
      "log: the backward pass made a NaN (output of shape (1)) from inputs without one");
}

TEST_CASE("gradcheck accepts a right gradient and refuses wrong ones") {
  const auto cube = [](double factor) {
    return [factor](const std::vector<Tensor>& in) {
      const Tensor x = in[0];
      return record("cube", map(x, [](double v) { return v * v * v; }), {x},
                    [x, factor](const Tensor& dy, Needs) {
                      Tensor dx = combine(x.detach(), x.detach(), times);
                      for (int64_t i = 0; i < dx.numel(); ++i) dx.data<double>()[i] *= 3 * factor;
                      return Grads{combine(dx, dy, times)};
                    });
    };
  };
  const std::vector<Tensor> x{values({0.3, -1.2, 2.5})};
  CHECK(gradcheck(cube(1.0), x));
  CHECK_FALSE(gradcheck(cube(1.01), x));
  CHECK_FALSE(gradcheck(cube(-1.0), x));
  CHECK(gradcheck(cube(1.01), x).message.starts_with("input 0, element 0: analytic"));
  // A gradient that never arrives is wrong too.
  CHECK_FALSE(gradcheck(
      [](const std::vector<Tensor>& in) {
        return record("dropped", map(in[0], [](double v) { return v; }), {in[0]},
                      [](const Tensor&, Needs) { return Grads{Tensor()}; });
      },
      x));
}

}  // namespace papilio::test
