#include "autograd/ops/group_norm.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

constexpr double kEps = 1e-5;

// in: x, weight, bias; the last two may be undefined.
std::vector<double> reference(const Tensors& in, int64_t groups, bool silu) {
  std::vector<double> x = in[0].to_vector<double>();
  const auto C = size_t(in[0].size(1)), B = size_t(in[0].size(0)), G = size_t(groups);
  if (x.empty()) return x;
  const size_t S = x.size() / (B * C), n = C / G * S;
  const auto parameter = [&](size_t i, double absent) {
    return in[i].defined() ? in[i].to_vector<double>() : std::vector<double>(C, absent);
  };
  const std::vector<double> w = parameter(1, 1), b = parameter(2, 0);
  for (size_t row = 0; row < B * G; ++row) {
    double mean = 0, variance = 0;
    double* const group = &x[row * n];
    for (size_t i = 0; i < n; ++i) mean += group[i] / double(n);
    for (size_t i = 0; i < n; ++i) variance += std::pow(group[i] - mean, 2) / double(n);
    for (size_t i = 0; i < n; ++i) {
      const size_t c = row % G * (C / G) + i / S;
      const double t = (group[i] - mean) / std::sqrt(variance + kEps) * w[c] + b[c];
      group[i] = silu ? t / (1 + std::exp(-t)) : t;
    }
  }
  return x;
}

Sample sample(const char* label, const Dims& shape, int64_t groups, bool silu, bool weight = true,
              bool bias = true) {
  const Tensor w = weight ? uniform64({shape[1]}, 0.5, 1.5, 2) : Tensor();
  const Tensor b = bias ? uniform64({shape[1]}, -1, 1, 3) : Tensor();
  return {label,
          {uniform64(shape, -2, 2, 1), w, b},
          [=](const Tensors& in) {
            return group_norm(in[0], groups, in[1], in[2], {.eps = kEps, .silu = silu});
          },
          [=](const Tensors& in) { return reference(in, groups, silu); }};
}

}  // namespace

TEST_CASE("group_norm") {
  run({.name = "group_norm",
       .samples = {sample("images", {2, 6, 3, 4}, 3, false),
                   sample("images, SiLU", {2, 6, 3, 4}, 3, true),
                   sample("no spatial dimensions", {3, 8}, 2, true),
                   sample("one group", {2, 4, 5}, 1, false),
                   sample("a group a channel", {2, 4, 5}, 4, true),
                   sample("longer than a block", {1, 4, 33, 17}, 2, true),
                   sample("more than one part", {1, 2, 47, 101}, 1, true),
                   sample("no weight", {2, 4, 3}, 2, true, false, true),
                   sample("no bias", {2, 4, 3}, 2, true, true, false),
                   sample("neither", {2, 4, 3}, 2, false, false, false),
                   sample("no images", {0, 4, 3}, 2, true),
                   sample("no pixels", {2, 4, 0}, 2, true)},
       .errors = {{"1-d", [] { group_norm(ones({3}), 1); },
                   "group_norm: expected x of shape (B, C, ...), got (3)"},
                  {"integers",
                   [] {
                     group_norm(ones({2, 2}, {.dtype = DType::int64}), 1);
                   },
                   "group_norm: expected a floating x, got int64"},
                  {"groups",
                   [] {
                     group_norm(ones({2, 6}), 4);
                   },
                   "group_norm: expected groups to divide the 6 channels, got 4"},
                  {"no groups",
                   [] {
                     group_norm(ones({2, 6}), 0);
                   },
                   "group_norm: expected groups to divide the 6 channels, got 0"},
                  {"weight",
                   [] {
                     group_norm(ones({2, 6, 3}), 2, ones({3}));
                   },
                   "group_norm: expected weight of shape (6), got (3)"},
                  {"bias",
                   [] {
                     group_norm(ones({2, 6, 3}), 2, {}, ones({6, 1}));
                   },
                   "group_norm: expected bias of shape (6), got (6, 1)"},
                  {"two dtypes",
                   [] {
                     group_norm(ones({2, 6}), 2, ones({6}, {.dtype = DType::float64}));
                   },
                   "group_norm: expected tensors of one dtype, got float32 and float64"}}});
}

TEST_CASE("group_norm is what it is composed of, and so are its gradients") {
  for (const bool silu : {false, true}) {
    std::vector<Tensor> results[2];
    const Tensor dy = uniform64({2, 8, 5, 3}, -1, 1, 4);
    for (const bool composed : {false, true}) {
      const Tensor x = leaf(uniform64({2, 8, 5, 3}, -2, 2, 1)),
                   w = leaf(uniform64({8}, 0.5, 1.5, 2)), b = leaf(uniform64({8}, -1, 1, 3));
      const GroupNormOptions options{.eps = 1e-3, .silu = silu};
      const Tensor y =
          composed ? group_norm_composed(x, 4, w, b, options) : group_norm(x, 4, w, b, options);
      backward(y, dy);
      results[composed] = {y.detach(), grad(x), grad(w), grad(b)};
    }
    for (size_t k = 0; k < results[0].size(); ++k) {
      const auto a = results[0][k].to_vector<double>(), b = results[1][k].to_vector<double>();
      for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-11));
    }
  }
}

TEST_CASE("group_norm: x around 100 keeps the variance's digits") {
  // mean(x^2) - mean(x)^2 would lose four of float32's seven.
  const Tensor x = uniform64({2, 4, 40, 40}, 99, 101);
  const Tensor single = copy_of(x, DType::float32);
  const auto want = reference({copy_of(single, DType::float64), {}, {}}, 2, false);
  const auto got = group_norm(single, 2).to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
  CHECK(worst < 5e-5);
}

}  // namespace papilio::test
