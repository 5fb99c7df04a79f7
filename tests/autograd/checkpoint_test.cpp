#include "autograd/checkpoint.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::test {

namespace {

using Function = std::function<Tensor(const Tensor&)>;

// A residual block with everything that must come back: a norm, products, dropout.
struct Part {
  Tensor weight = leaf(randn({8, 8})), bias = leaf(randn({8}));

  Tensor operator()(const Tensor& x) const {
    return x + dropout(gelu(linear(layer_norm(x, bias), weight, bias)), 0.3, true);
  }
};

struct Gradients {
  std::vector<std::vector<double>> all;
  GeneratorState random;
  bool operator==(const Gradients&) const = default;
};

// What backward makes of f(x), twice added up, and where the random numbers then stand.
Gradients gradients(const Function& f, const std::vector<Tensor>& leaves, const Tensor& x) {
  manual_seed(11);
  for (const Tensor& p : leaves) zero_grad(p);
  for (int pass = 0; pass < 2; ++pass) backward(sum(f(x) * 0.1));
  Gradients result;
  for (const Tensor& p : leaves) result.all.push_back(grad(p).to_vector<double>());
  result.random = default_generator().state();
  return result;
}

Tensor checkpointed(const Part& part, const Tensor& x) {
  return checkpoint([&part](const Tensor& in) { return part(in); }, x);
}

}  // namespace

TEST_CASE("checkpoint: gradients, values and random numbers have the bits they have without") {
  manual_seed(1);
  const Part a, b;
  const Tensor x = leaf(randn({5, 8}));
  const std::vector<Tensor> leaves{a.weight, a.bias, b.weight, b.bias, x};
  // x and a's parameters are used before, inside and after.
  const auto around = [&](const Tensor& in, const Tensor& inner) {
    const Tensor y = a(inner) * in;
    return y + a(in);
  };
  const Function plain = [&](const Tensor& in) { return around(in, b(a(in))); };
  const Function with = [&](const Tensor& in) {
    return around(in, checkpointed(b, checkpointed(a, in)));
  };
  const Function nested = [&](const Tensor& in) {
    return around(
        in, checkpoint([&](const Tensor& y) { return checkpointed(b, checkpointed(a, y)); }, in));
  };
  // One inside the other whose x comes from outside of both.
  const Function captured = [&](const Tensor& in) {
    return checkpoint(
        [&](const Tensor&) {
          const Tensor y = a(checkpointed(b, a(in))) * in;
          return y + checkpointed(a, in);
        },
        in);
  };
  const Gradients expected = gradients(plain, leaves, x);
  CHECK(gradients(with, leaves, x) == expected);
  CHECK(gradients(nested, leaves, x) == expected);
  CHECK(gradients(captured, leaves, x) == expected);
  manual_seed(2);
  const std::vector<double> y = plain(x).to_vector<double>();
  manual_seed(2);
  CHECK(nested(x).to_vector<double>() == y);
}

TEST_CASE("checkpoint: the scope of mixed precision comes back") {
  manual_seed(1);
  const Part a;
  const Tensor x = leaf(randn({5, 8}));
  const auto under = [&](bool on) {
    return gradients(
        [&](const Tensor& in) {
          const Autocast scope;
          return cast(on ? checkpointed(a, in) : a(in), DType::float32);
        },
        {a.weight, a.bias, x}, x);
  };
  CHECK(under(true) == under(false));
}

TEST_CASE(
    "checkpoint: parameters get their gradient if x wants none, and nothing is kept if "
    "none does") {
  manual_seed(1);
  const Part a;
  const Tensor x = randn({5, 8});
  CHECK(gradients([&](const Tensor& in) { return checkpointed(a, in); }, {a.weight, a.bias}, x) ==
        gradients(a, {a.weight, a.bias}, x));

  int calls = 0;
  const Function frozen = [&calls](const Tensor& in) {
    ++calls;
    return gelu(in);
  };
  CHECK_FALSE(checkpoint(frozen, x).requires_grad());
  {
    const NoGrad no_grad;
    CHECK_FALSE(checkpoint(frozen, leaf(randn({5, 8}))).requires_grad());
  }
  CHECK(calls == 2);
  const Tensor p = leaf(randn({2}));
  CHECK(checkpoint([](const Tensor& in) { return in; }, p).node() == p.node());
}

TEST_CASE("checkpoint: a graph that is retained can be walked through again") {
  const Tensor x = leaf(full({3}, 0.5));
  const Tensor y = sum(checkpoint([](const Tensor& in) { return exp(in) * in; }, x));
  backward(y, {}, true);
  const std::vector<double> once = grad(x).to_vector<double>();
  zero_grad(x);
  backward(y);
  CHECK(grad(x).to_vector<double>() == once);
  CHECK_THROWS_WITH_AS(backward(y),
                       "backward: the graph of sum has been freed by an earlier backward; pass "
                       "retain_graph = true to that one",
                       Error);
}

TEST_CASE("checkpoint: memory grows with the inputs alone") {
  constexpr int64_t kBytes = 1 << 16, kParts = 8;
  const auto growth = [](bool on) {
    const Tensor x = leaf(randn({kBytes / 4}));
    const size_t before = memory_stats().in_use;
    Tensor y = x;
    const Function part = [](const Tensor& in) { return exp(tanh(exp(tanh(in)))); };
    for (int64_t i = 0; i < kParts; ++i) y = on ? checkpoint(part, y) : part(y);
    const auto kept = int64_t(memory_stats().in_use - before);
    reset_peak_memory();
    backward(sum(y));
    return std::vector<int64_t>{kept / kBytes,
                                int64_t(memory_stats().peak_in_use - before) / kBytes};
  };
  const std::vector<int64_t> with = growth(true), without = growth(false);
  CHECK(without[0] == 4 * kParts);
  CHECK(with[0] == kParts);  // x itself was there before
  CHECK(with[1] <= kParts + 8);
}

TEST_CASE("checkpoint: a long chain neither overflows the stack nor leaks") {
  const size_t before = memory_stats().in_use;
  {
    Tensor y = leaf(full({1}, 1.0));
    for (int i = 0; i < 100000; ++i) y = checkpoint([](const Tensor& in) { return in * 1.0; }, y);
  }
  CHECK(memory_stats().in_use == before);
}

TEST_CASE("checkpoint: f must do the same both times") {
  manual_seed(1);
  const Tensor x = leaf(randn({2, 3})), w = leaf(randn({2, 3}));
  const auto message = [&](
                           const Function& f, const char* expected,
                           const std::function<void()>& between = [] {}) {
    const Tensor y = sum(checkpoint(f, x));
    between();
    const GeneratorState random = default_generator().state();
    CHECK_THROWS_WITH_AS(backward(y), expected, Error);
    CHECK(default_generator().state() == random);
    CHECK(grad_enabled());
    CHECK_FALSE(recomputing());
    CHECK_FALSE(grad(x).defined());
  };
  int calls = 0;
  message([&](const Tensor& in) { return ++calls == 1 ? exp(in) : tanh(in); },
          "checkpoint: f computed again recorded tanh of float32 (2, 3) as its operation number 1, "
          "and exp of float32 (2, 3) the first time; it must do the same both times");
  calls = 0;
  message([&](const Tensor& in) { return ++calls == 1 ? exp(in) : exp(exp(in)); },
          "checkpoint: f computed again recorded exp of float32 (2, 3) as its operation number 2, "
          "and nothing more the first time; it must do the same both times");
  calls = 0;
  message(
      [&](const Tensor& in) {
        if (++calls == 1) rand({4});
        return exp(in);
      },
      "checkpoint: f computed again drew another number of random numbers than the first time");
  message([&](const Tensor& in) { return in * w; },
          "checkpoint: a tensor that f uses was changed in place after the forward pass",
          [&] { fill_(w, 0); });
  message([&](const Tensor& in) { return checkpoint([&](const Tensor& y) { return y * w; }, in); },
          "checkpoint: a tensor that f uses was changed in place after the forward pass",
          [&] { fill_(w, 0); });
  // What must happen once asks recomputing().
  calls = 0;
  backward(sum(checkpoint(
      [&](const Tensor& in) {
        if (!recomputing()) ++calls;
        return exp(in);
      },
      x)));
  CHECK(calls == 1);
}

TEST_CASE("checkpoint: wrong use") {
  const Tensor x = leaf(full({2}, 1.0));
  CHECK_THROWS_WITH_AS(checkpoint([](const Tensor& in) { return in; }, {}),
                       "checkpoint: x is undefined", ArgumentError);
  CHECK_THROWS_WITH_AS(checkpoint([](const Tensor&) { return Tensor(); }, x),
                       "checkpoint: f returned an undefined tensor", ArgumentError);
  CHECK_THROWS_WITH_AS(checkpoint(nullptr, x), "checkpoint: there is no f", ArgumentError);
  Tensor inside;
  const Tensor y = checkpoint(
      [&](const Tensor& in) {
        inside = exp(in);
        return sum(inside);
      },
      x);
  CHECK_THROWS_WITH_AS(backward(inside, full({2}, 1.0)),
                       "backward: exp was computed inside checkpoint(f, x); only what f returns "
                       "has a gradient",
                       Error);
  CHECK_THROWS_WITH_AS(set_requires_grad(inside),
                       "set_requires_grad: the tensor was computed by exp; detach() it first",
                       ArgumentError);
}

}  // namespace papilio::test
