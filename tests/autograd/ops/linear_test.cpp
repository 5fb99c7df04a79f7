#include "autograd/ops/linear.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/compare.h"
#include "tests/devices.h"

namespace papilio::test {

namespace {

Tensor layer(const Tensors& in) {
  return linear(in[0], in[1], in.size() > 2 ? in[2] : Tensor());
}

std::vector<double> reference(const Tensors& in) {
  const auto x = in[0].to_vector<double>(), w = in[1].to_vector<double>();
  const auto bias = in.size() > 2 ? in[2].to_vector<double>() : std::vector<double>();
  const size_t out = size_t(in[1].shape()[0]), n = size_t(in[1].shape()[1]);
  size_t rows = 1;
  for (int d = 0; d + 1 < in[0].dim(); ++d) rows *= size_t(in[0].shape()[d]);
  std::vector<double> y;
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < out; ++o) {
      double sum = bias.empty() ? 0 : bias[o];
      for (size_t k = 0; k < n; ++k) sum += x[r * n + k] * w[o * n + k];
      y.push_back(sum);
    }
  return y;
}

Sample sample(const char* label, const Dims& x, const Dims& w, bool bias) {
  Tensors inputs{uniform64(x, -1, 1, 1), uniform64(w, -1, 1, 2)};
  if (bias) inputs.push_back(uniform64({w[0]}, -1, 1, 3));
  return {label, inputs, layer, reference};
}

Tensor uniform32(const Dims& shape, uint64_t seed) {
  return copy_of(uniform64(shape, -1, 1, seed), DType::float32);
}

}  // namespace

TEST_CASE("linear") {
  run({.name = "linear",
       .samples = {sample("rows", {4, 3}, {5, 3}, true), sample("no bias", {4, 3}, {5, 3}, false),
                   sample("one row", {3}, {2, 3}, true),
                   sample("many dimensions", {2, 3, 2, 4}, {3, 4}, true),
                   sample("sizes of 1", {1, 1}, {1, 1}, true),
                   sample("no rows", {0, 3}, {2, 3}, true),
                   sample("no inputs", {2, 0}, {3, 0}, true),
                   sample("no outputs", {2, 3}, {0, 3}, true),
                   sample("long rows", {3, 300}, {2, 300}, true)},
       .errors = {{"width",
                   [] {
                     linear(ones({2, 3}), ones({4, 5}));
                   },
                   "linear: expected x of shape (..., 5) for weight (4, 5), got (2, 3)"},
                  {"0-d",
                   [] {
                     linear(scalar(1), ones({4, 5}));
                   },
                   "linear: expected x of shape (..., 5) for weight (4, 5), got ()"},
                  {"weight",
                   [] {
                     linear(ones({2, 3}), ones({3}));
                   },
                   "linear: expected weight of shape (out, in), got (3)"},
                  {"bias",
                   [] {
                     linear(ones({2, 3}), ones({4, 3}), ones({3}));
                   },
                   "linear: expected bias of shape (4), got (3)"},
                  {"dtypes",
                   [] {
                     linear(ones({2, 3}), ones({4, 3}, {.dtype = DType::float64}));
                   },
                   "linear: expected tensors of one dtype, got float32 and float64"},
                  {"bias dtype",
                   [] {
                     linear(ones({1, 1}), ones({1, 1}), ones({1}, {.dtype = DType::float64}));
                   },
                   "linear: expected tensors of one dtype, got float32 and float64"},
                  {"integers",
                   [] {
                     linear(arange(3), ones({4, 3}));
                   },
                   "linear: expected a floating x, got int64"},
                  {"undefined",
                   [] {
                     linear(ones({2, 3}), {});
                   },
                   "linear: weight is undefined"}}});
}

namespace {

// in: x, weight, bias. The reference is composed of operations that have their own.
OpCase with_gelu(GeluApproximate approximate) {
  const auto at = [approximate](const char* label, const Dims& x, const Dims& w) {
    Sample s = sample(label, x, w, true);
    s.f = [approximate](const Tensors& in) {
      return linear_gelu(in[0], in[1], in[2], approximate);
    };
    s.reference = [approximate](const Tensors& in) {
      return gelu(tensor(reference(in)), approximate).to_vector<double>();
    };
    return s;
  };
  return {
      .name = "linear_gelu",
      .samples = {at("rows", {4, 6}, {8, 6}), at("rows of odd length", {4, 3}, {16, 3}),
                  at("odd outputs", {4, 4}, {5, 4}), at("many dimensions", {2, 3, 2, 4}, {24, 4}),
                  at("one row", {4}, {8, 4}), at("no rows", {0, 4}, {8, 4}),
                  at("no inputs", {2, 0}, {8, 0}), at("no outputs", {2, 4}, {0, 4})},
      // 16 bits round twice: below.
      .dtypes = {DType::float32, DType::float64}};
}

}  // namespace

TEST_CASE("linear_gelu") {
  OpCase c = with_gelu(GeluApproximate::none);
  c.errors = {{"width",
               [] {
                 linear_gelu(ones({2, 3}), ones({4, 5}), {});
               },
               "linear_gelu: expected x of shape (..., 5) for weight (4, 5), got (2, 3)"},
              {"bias",
               [] {
                 linear_gelu(ones({2, 3}), ones({4, 3}), ones({3}));
               },
               "linear_gelu: expected bias of shape (4), got (3)"}};
  run(c);
}

TEST_CASE("linear_gelu, approximated with tanh") {
  run(with_gelu(GeluApproximate::tanh));
}

TEST_CASE("linear_gelu: results and gradients are those of linear and gelu, whichever are wanted") {
  const auto fused = [](const Tensors& in) {
    return linear_gelu(in[0], in[1], in[2], GeluApproximate::tanh);
  };
  const auto composed = [](const Tensors& in) { return gelu(layer(in), GeluApproximate::tanh); };
  for (const Device device : devices()) {
    for (const auto& [dtype, error] :
         {std::pair(DType::float32, 1e-5), {DType::float16, 0.02}, {DType::bfloat16, 0.1}}) {
      // y, and the gradient of one input.
      const auto results = [&, dtype = dtype](auto operation, size_t of, bool all) {
        const auto on = [&](const Dims& shape, uint64_t seed) {
          return copy_of(copy_of(uniform64(shape, -1, 1, seed), dtype), device);
        };
        Tensors in{on({9, 8}, 1), on({16, 8}, 2), on({16}, 3)};
        for (size_t i = 0; i < 3; ++i) set_requires_grad(in[i], all || i == of);
        const Tensor y = operation(in);
        backward(y, on({9, 16}, 4));
        return std::pair(y.to_vector<double>(), grad(in[of]).to_vector<double>());
      };
      for (size_t of = 0; of < 3; ++of) {
        CAPTURE(of);
        const auto got = results(fused, of, true), want = results(composed, of, true);
        CHECK(largest_difference(got.first, want.first) < error);
        CHECK(largest_difference(got.second, want.second) < error);
        CHECK(results(fused, of, false) == got);
      }
    }
    const Tensor x = copy_of(uniform32({9, 8}, 1), device),
                 w = copy_of(uniform32({5, 8}, 2), device);
    CHECK(linear_gelu(x, w, {}).to_vector<float>() == gelu(linear(x, w)).to_vector<float>());
  }
}

// An adapted layer computes x W^T, scales it by ones and adds the bias: at its start it must agree
// with the base layer to the last bit.
TEST_CASE("linear with a bias has the bits of linear without one, plus the bias") {
  for (const auto& [rows, n, out] : {std::tuple{3, 5, 4}, {2176, 64, 192}, {33, 384, 1536}}) {
    const Tensor x = uniform32({rows, n}, 1), w = uniform32({out, n}, 2),
                 bias = uniform32({out}, 3);
    auto want = linear(x, w).to_vector<float>();
    const auto shift = bias.to_vector<float>(), got = linear(x, w, bias).to_vector<float>();
    for (size_t i = 0; i < want.size(); ++i) want[i] += shift[i % shift.size()];
    CHECK(got == want);
  }
}

TEST_CASE("linear gives the same bits with and without recording, and for a reshaped x") {
  const Tensor x = uniform32({17, 32, 48}, 1), w = uniform32({56, 48}, 2),
               bias = uniform32({56}, 3);
  const auto want = linear(x, w, bias).to_vector<float>();
  CHECK(linear(leaf(copy_of(x)), leaf(copy_of(w)), leaf(copy_of(bias))).to_vector<float>() == want);
  CHECK(linear(x.alias(Layout::contiguous({17 * 32, 48})), w, bias).to_vector<float>() == want);
}

TEST_CASE("linear keeps x for the weight's gradient only") {
  const Tensor w = ones({8, 64});
  Tensor frozen, trained;
  std::weak_ptr<Storage> memory;
  {
    Tensor h = leaf(ones({4, 64}));
    const Tensor x = linear(h, ones({64, 64}));
    memory = x.storage();
    frozen = linear(x, w);
  }
  CHECK(memory.expired());
  {
    const Tensor x = ones({4, 64});
    memory = x.storage();
    trained = linear(x, leaf(copy_of(w)));
  }
  CHECK_FALSE(memory.expired());
}

TEST_CASE("linear: gradients of long sums agree with float64 plain loops") {
  const Tensor x64 = uniform64({2000, 12}, -1, 1, 1), g64 = uniform64({2000, 6}, -1, 1, 2);
  const Tensor w = leaf(uniform32({6, 12}, 3)), bias = leaf(uniform32({6}, 4));
  backward(linear(copy_of(x64, DType::float32), w, bias), copy_of(g64, DType::float32));
  const auto x = x64.to_vector<double>(), g = g64.to_vector<double>();
  const auto dw = grad(w).to_vector<double>(), db = grad(bias).to_vector<double>();
  for (size_t o = 0; o < 6; ++o) {
    double sum = 0;
    for (size_t r = 0; r < 2000; ++r) sum += g[r * 6 + o];
    CHECK(db[o] == doctest::Approx(sum).epsilon(1e-5));
    for (size_t i = 0; i < 12; ++i) {
      sum = 0;
      for (size_t r = 0; r < 2000; ++r) sum += g[r * 6 + o] * x[r * 12 + i];
      CHECK(std::abs(dw[o * 12 + i] - sum) < 2e-4);
    }
  }
}

}  // namespace papilio::test
