#include "autograd/ops/cross_entropy.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/row_lengths.h"
#include "tests/devices.h"

namespace papilio::test {

namespace {

std::vector<double> reference(const Tensors& in, const CrossEntropyOptions& options) {
  const int64_t rows = in[0].size(0), classes = in[0].size(1);
  const auto x = in[0].to_vector<double>();
  const auto target = in[1].to_vector<double>();
  const double e = options.label_smoothing;
  std::vector<double> losses;
  double total = 0, count = 0;
  for (int64_t n = 0; n < rows; ++n) {
    double sum = 0, loss = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[size_t(n * classes + c)]);
    const bool indices = in[1].dtype() == DType::int64;
    const bool ignored = indices && int64_t(target[size_t(n)]) == options.ignore_index;
    for (int64_t c = 0; c < classes && !ignored; ++c) {
      const double t =
          indices ? double(int64_t(target[size_t(n)]) == c) : target[size_t(n * classes + c)];
      loss -= ((1 - e) * t + e / double(classes)) * (x[size_t(n * classes + c)] - std::log(sum));
    }
    losses.push_back(loss);
    total += loss;
    count += !ignored;
  }
  if (options.reduction == Reduction::none) return losses;
  return {options.reduction == Reduction::mean ? total / count : total};
}

Sample sample(const char* label, const Tensor& logits, const Tensor& target,
              CrossEntropyOptions options = {}) {
  return {label,
          {logits, target},
          [=](const Tensors& in) { return cross_entropy(in[0], in[1], options); },
          [=](const Tensors& in) { return reference(in, options); }};
}

}  // namespace

TEST_CASE("cross_entropy") {
  const Tensor x = uniform64({4, 5}, -3, 3), p = uniform64({4, 5}, 0, 1, 2);
  const Tensor classes = tensor<int64_t>({1, 0, 4, 1}),
               ignored = tensor<int64_t>({1, -100, 4, -100});
  const Tensor wide = uniform64({3, 300}, -8, 8);
  run({.name = "cross_entropy",
       .samples = {sample("mean", x, classes),
                   sample("sum", x, classes, {.reduction = Reduction::sum}),
                   sample("none", x, classes, {.reduction = Reduction::none}),
                   sample("label smoothing", x, classes, {.label_smoothing = 0.1}),
                   sample("all smoothed", x, classes, {.label_smoothing = 1}),
                   sample("probabilities", x, p),
                   sample("probabilities, none", x, p, {.reduction = Reduction::none}),
                   sample("probabilities, label smoothing", x, p, {.label_smoothing = 0.3}),
                   sample("ignored rows", x, ignored),
                   sample("ignored rows, smoothing, sum", x, ignored,
                          {.label_smoothing = 0.2, .reduction = Reduction::sum}),
                   sample("another ignored class", x, classes, {.ignore_index = 1}),
                   sample("many classes", wide, tensor<int64_t>({299, 0, 17}),
                          {.label_smoothing = 0.1}),
                   sample("one class", uniform64({2, 1}), tensor<int64_t>({0, 0})),
                   sample("no rows, sum", uniform64({0, 3}), zeros({0}, {.dtype = DType::int64}),
                          {.reduction = Reduction::sum}),
                   sample("no rows, none", uniform64({0, 3}), zeros({0}, {.dtype = DType::int64}),
                          {.reduction = Reduction::none})},
       .errors = {
           {"class too large",
            [&] {
              cross_entropy(x, tensor<int64_t>({1, 0, 5, 1}));
            },
            "cross_entropy: expected classes in [0, 5), got 5 in row 2"},
           {"negative class",
            [&] {
              cross_entropy(x, tensor<int64_t>({1, 0, 2, -1}));
            },
            "cross_entropy: expected classes in [0, 5), got -1 in row 3"},
           {"too few targets",
            [&] {
              cross_entropy(x, tensor<int64_t>({1, 0}));
            },
            "cross_entropy: expected target of shape (4), got (2)"},
           {"probabilities' shape",
            [&] {
              cross_entropy(x, uniform64({4, 4}));
            },
            "cross_entropy: expected target of shape (4, 5), got (4, 4)"},
           {"probabilities' dtype",
            [&] {
              cross_entropy(x, ones({4, 5}));
            },
            "cross_entropy: expected a target of int64 or float64, got float32"},
           {"logits' rank", [] { cross_entropy(ones({3}), arange(3)); },
            "cross_entropy: expected logits of shape (N, C), got (3)"},
           {"integer logits", [] { cross_entropy(arange(3), arange(3)); },
            "cross_entropy: expected a floating logits, got int64"},
           {"smoothing above 1", [&] { cross_entropy(x, classes, {.label_smoothing = 1.5}); },
            "cross_entropy: expected a label_smoothing in [0, 1], got 1.5"},
           {"no target", [&] { cross_entropy(x, {}); }, "cross_entropy: target is undefined"}}});
}

TEST_CASE("cross_entropy: rows of every length, and in every place") {
  std::vector<Sample> samples;
  const auto behind = [](const Tensors& in, bool logits) {
    return logits ? cross_entropy(behind_16_bytes(in[0]), in[1])
                  : cross_entropy(in[0], behind_16_bytes(in[1]));
  };
  const auto want = [](const Tensors& in) { return reference(in, {}); };
  for (const RowShape& shape : kRowShapes) {
    const Tensor x = uniform64(shape.dims(), -4, 4);
    Tensor classes = zeros({shape.rows}, {.dtype = DType::int64});
    for (int64_t r = 0; r < shape.rows; ++r)  // the last of the first row, then others
      classes.data<int64_t>()[r] = (shape.length - 1 + 7 * r) % shape.length;
    const CrossEntropyOptions options{.label_smoothing = 0.1, .reduction = Reduction::none};
    samples.push_back(sample(shape.label().c_str(), x, classes, options));
    samples.push_back(sample(shape.label().c_str(), x, uniform64(shape.dims(), 0, 1, 2), options));
  }
  const Tensor x = uniform64({3, 64}, -4, 4), p = uniform64({3, 64}, 0, 1, 2);
  samples.push_back({"logits behind 16 bytes",
                     {x, p},
                     [=](const Tensors& in) { return behind(in, true); },
                     want});
  samples.push_back({"target behind 16 bytes",
                     {x, p},
                     [=](const Tensors& in) { return behind(in, false); },
                     want});
  run({.name = "cross_entropy", .samples = samples});
}

TEST_CASE("cross_entropy: logits of 10^4 keep the loss's digits") {
  const auto x = tensor<float>({1e4f, 1e4f, -1e4f}, {1, 3});
  CHECK(cross_entropy(x, tensor<int64_t>({0})).item() == doctest::Approx(std::log(2.0)));
  CHECK(cross_entropy(x, tensor<int64_t>({2})).item() ==
        doctest::Approx(2e4 + std::log(2.0)).epsilon(1e-7));
}

TEST_CASE("cross_entropy: with every row ignored the mean is NaN and the sum 0") {
  const auto x = uniform64({2, 3});
  const auto target = tensor<int64_t>({-100, -100});
  CHECK(std::isnan(cross_entropy(x, target).item()));
  CHECK(cross_entropy(x, target, {.reduction = Reduction::sum}).item() == 0);
}

TEST_CASE("cross_entropy: an ignored row of NaN reaches neither the loss nor the gradient") {
  const Tensor target = tensor<int64_t>({-100, 1});
  for (const Device device : devices())
    for (int64_t n : {3, 8}) {
      auto x = uniform64({2, n});
      for (int64_t i = 0; i < n; ++i) x.data<double>()[i] = std::nan("");
      const Tensor there = leaf(copy_of(x, device));
      const auto loss = cross_entropy(there, copy_of(target, device), {.label_smoothing = 0.1});
      CHECK(!std::isnan(loss.item()));
      backward(loss);
      const auto dx = grad(there).to_vector<double>();
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) {
        CHECK(dx[size_t(i)] == 0);
        sum += dx[size_t(n + i)];
      }
      CHECK(sum == doctest::Approx(0));
    }
}

}  // namespace papilio::test
