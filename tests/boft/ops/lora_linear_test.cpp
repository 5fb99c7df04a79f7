#include "boft/ops/lora_linear.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"
#include "tests/boft/dense.h"
#include "tests/compare.h"
#include "tests/devices.h"

namespace papilio::test {

namespace {

constexpr double kScaling = 1.5;

// Inputs of a case: x, A, B, bias (or undefined), what stands before A (or undefined), and a frozen
// weight as integers (gradcheck leaves those alone).
Tensor weight_of(const Tensors& in) {
  return cast(in[5], in[0].dtype()) * 0.125;
}

Tensor layer(const Tensors& in) {
  return lora_linear(in[0], weight_of(in), in[3], in[1], in[2], kScaling, in[4]);
}

std::vector<double> reference(const Tensors& in) {
  const Matrix w = matrix_of(weight_of({copy_of(in[0], DType::float64), {}, {}, {}, {}, in[5]}));
  const Matrix x = matrix_of(in[0]), before = in[4].defined() ? matrix_of(in[4]) : x;
  const Matrix product = x * transposed(w),
               low = before * transposed(matrix_of(in[1])) * transposed(matrix_of(in[2]));
  std::vector<double> values;
  for (int64_t r = 0; r < product.rows; ++r)
    for (int64_t j = 0; j < product.columns; ++j)
      values.push_back(product(r, j) + kScaling * low(r, j) +
                       (in[3].defined() ? in[3].to_vector<double>()[size_t(j)] : 0));
  return values;
}

Sample sample(const char* label, Dims x, int64_t d, int64_t out, int64_t r, bool bias = true,
              bool dropped = false) {
  x.push_back(d);
  Generator g(11);
  return {label,
          {uniform64(x, -1, 1, 1), uniform64({r, d}, -1, 1, 2), uniform64({out, r}, -1, 1, 3),
           bias ? uniform64({out}, -1, 1, 4) : Tensor(),
           dropped ? uniform64(x, -1, 1, 5) : Tensor(), randint(-8, 9, {out, d}, DType::int64, g)},
          layer,
          reference};
}

struct Result {
  std::vector<std::vector<double>> all;
};

using Layer = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                         double, const Tensor&);

// y and all gradients, x's dropout among what is recorded.
Result step(Layer f, const Tensors& in, Device device, bool drops) {
  const auto as_leaf = [&](const Tensor& t) {
    return leaf(copy_of(copy_of(t, DType::float32), device));
  };
  const Tensor x = as_leaf(in[0]), a = as_leaf(in[1]), b = as_leaf(in[2]), bias = as_leaf(in[3]);
  Generator g(3);
  const Tensor y = f(x, weight_of({x, {}, {}, {}, {}, copy_of(in[5], device)}).detach(), bias, a, b,
                     kScaling, drops ? dropout(x, 0.4, true, g) : Tensor());
  backward(sum(y * y));
  Result result;
  for (const Tensor& t : {y.detach(), grad(x), grad(a), grad(b), grad(bias)})
    result.all.push_back(t.to_vector<double>());
  return result;
}

}  // namespace

TEST_CASE("lora_linear") {
  const auto call = [](const Dims& x, const Dims& w, const Dims& a, const Dims& b,
                       const Tensor& bias = {}, const Tensor& dropped = {}) {
    return [=] { lora_linear(ones(x), ones(w), bias, ones(a), ones(b), 1, dropped); };
  };
  OpCase c{
      .name = "lora_linear",
      .samples = {sample("weight side", {20}, 8, 6, 2), sample("beside", {3}, 8, 10, 2),
                  sample("no bias", {9}, 5, 4, 3, false),
                  sample("no bias, beside", {2}, 5, 4, 3, false),
                  sample("dropped", {9}, 6, 4, 2, true, true), sample("one row", {}, 6, 3, 1),
                  sample("many dimensions", {2, 3, 2}, 8, 3, 2), sample("no rows", {0}, 8, 3, 2),
                  sample("a rank above both sizes", {7}, 3, 2, 5)},
      .errors = {{"width", call({2, 8}, {3, 4}, {2, 4}, {3, 2}),
                  "lora_linear: expected x of shape (..., 4) for weight (3, 4), got (2, 8)"},
                 {"a", call({2, 8}, {3, 8}, {2, 4}, {3, 2}),
                  "lora_linear: expected a of shape (r, 8), got (2, 4)"},
                 {"b", call({2, 8}, {3, 8}, {2, 8}, {2, 3}),
                  "lora_linear: expected b of shape (3, 2), got (2, 3)"},
                 {"bias", call({2, 8}, {3, 8}, {2, 8}, {3, 2}, ones({2})),
                  "lora_linear: expected bias of shape (3), got (2)"},
                 {"dropped", call({2, 8}, {3, 8}, {2, 8}, {3, 2}, {}, ones({3, 8})),
                  "lora_linear: expected dropped of shape (2, 8), got (3, 8)"}}};
  c.dtypes = {DType::float32, DType::float64};  // 16 bits are rounded twice: below
  run(c);
}

TEST_CASE("lora_linear: the composed operations have the same gradients") {
  for (const Device device : devices()) {
    for (const int64_t rows : {40, 5}) {
      for (const bool drops : {false, true}) {
        const Tensors in = sample("", {rows}, 16, 12, 4).inputs;
        const Result fused = step(lora_linear, in, device, drops),
                     composed = step(lora_linear_composed, in, device, drops);
        for (size_t i = 0; i < fused.all.size(); ++i) {
          CAPTURE(i);
          CHECK(largest_difference(fused.all[i], composed.all[i]) < 1e-3);
        }
        const Autocast scope;
        const Result half = step(lora_linear, in, device, drops);
        for (size_t i = 0; i < half.all.size(); ++i) {
          CAPTURE(i);
          const std::vector<double>& want = composed.all[i];
          const double size = largest_difference(want, std::vector<double>(want.size()));
          CHECK(largest_difference(half.all[i], want) < 3e-2 * size);
        }
      }
    }
  }
}

TEST_CASE("lora_linear: with B = 0 it has the bits of the frozen layer") {
  manual_seed(1);
  const Tensor x = randn({30, 16}), w = randn({12, 16}), bias = randn({12}), a = randn({4, 16});
  for (const Tensor& in : {x, slice(x, 0, 0, 5)}) {
    CHECK(lora_linear(in, w, bias, a, zeros({12, 4}), 2).to_vector() ==
          linear(in, w, bias).to_vector());
  }
}

TEST_CASE("lora_linear: in 16 bits nothing of B A is lost beside a large weight") {
  for (const Device device : devices()) {
    // x W^T = 0, g W = 0, and W + B A would round to W: what is left is LoRA's own.
    std::vector<float> signs;
    for (int i = 0; i < 20 * 16; ++i) signs.push_back(i % 2 == 0 ? 1 : -1);
    const Tensor x = leaf(to(tensor(signs, {20, 16}), device)),
                 w = copy_of(transpose(slice(reshape(x.detach(), {16, 20}), 1, 0, 12), 0, 1)),
                 a = leaf(copy_of(slice(x.detach(), 0, 0, 1)) * 0x1p-12),
                 b = leaf(ones({12, 1}, {.device = device}));
    for (const DType half : {DType::bfloat16, DType::float16}) {
      const auto as = [&](const Tensor& t) { return copy_of(t, half); };
      const Tensor y = lora_linear(as(x), as(w), {}, as(a), as(b), 2);
      CHECK(y.dtype() == half);
      CHECK(y.to_vector<double>() == std::vector<double>(20 * 12, 2 * 16 * 0x1p-12));
    }
    const Autocast scope;
    const Tensor y = lora_linear(x, w, {}, a, b, 2);
    CHECK(y.dtype() == DType::bfloat16);
    CHECK(y.to_vector<double>() == std::vector<double>(20 * 12, 2 * 16 * 0x1p-12));
    backward(sum(y));
    for (const Tensor& t : {x, a, b}) CHECK(grad(t).dtype() == DType::float32);
    CHECK(grad(b).to_vector<double>() == std::vector<double>(12, 20 * 2 * 16 * 0x1p-12));
    CHECK(grad(a).to_vector<double>()[1] == -2 * 12 * 20);
    CHECK(grad(x).to_vector<double>()[0] == 2 * 12 * 0x1p-12);
    const std::vector<double> da = grad(a).to_vector<double>();
    zero_grad(a);
    backward(sum(lora_linear(x.detach(), w, {}, a, b, 2)));  // for which W is not kept
    CHECK(grad(a).to_vector<double>() == da);
  }
}

TEST_CASE("lora_linear: a weight that trains gets its gradient") {
  manual_seed(1);
  const Tensor x = randn({30, 16}), w = leaf(randn({12, 16})), a = leaf(randn({4, 16})),
               b = leaf(randn({12, 4}));
  backward(sum(lora_linear(x, w, {}, a, b, 2)));
  const std::vector<double> dw = grad(w).to_vector<double>();
  zero_grad(w);
  backward(sum(linear(x, w)));
  CHECK(largest_difference(dw, grad(w).to_vector<double>()) < 1e-4);
  CHECK(grad(a).defined());
}

}  // namespace papilio::test
