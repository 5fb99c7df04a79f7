#include "autograd/ops/layer_norm.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/row_lengths.h"

namespace papilio::test {

namespace {

constexpr double kEps = 1e-5;

// in: x, weight, bias; the last two may be undefined.
std::vector<double> reference(const Tensors& in) {
  std::vector<double> x = in[0].to_vector<double>();
  const size_t n = size_t(in[0].shape().back());
  const auto parameter = [&](size_t i, double absent) {
    return in[i].defined() ? in[i].to_vector<double>() : std::vector<double>(n, absent);
  };
  const std::vector<double> w = parameter(1, 1), b = parameter(2, 0);
  for (size_t row = 0; row + n <= x.size() && n; row += n) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < n; ++i) mean += x[row + i] / double(n);
    for (size_t i = 0; i < n; ++i) variance += std::pow(x[row + i] - mean, 2) / double(n);
    for (size_t i = 0; i < n; ++i)
      x[row + i] = (x[row + i] - mean) / std::sqrt(variance + kEps) * w[i] + b[i];
  }
  return x;
}

Tensor normal(const Tensors& in) {
  return layer_norm(in[0], in[1], in[2], kEps);
}

Tensors inputs(const Dims& shape, bool weight = true, bool bias = true) {
  return {uniform64(shape, -2, 2, 1), weight ? uniform64({shape.back()}, 0.5, 1.5, 2) : Tensor(),
          bias ? uniform64({shape.back()}, -1, 1, 3) : Tensor()};
}

}  // namespace

TEST_CASE("layer_norm") {
  run({.name = "layer_norm",
       .samples = {{"one row", inputs({8}), normal, reference},
                   {"rows", inputs({2, 3, 7}), normal, reference},
                   {"rows of vectors and a rest", inputs({5, 37}), normal, reference},
                   {"more rows than one group", inputs({40, 3}), normal, reference},
                   {"many groups, more columns than a warp has lanes", inputs({300, 40}), normal,
                    reference},
                   {"columns for more blocks than the emulator's", inputs({17, 1056}), normal,
                    reference},
                   {"no weight", inputs({3, 16}, false, true), normal, reference},
                   {"no bias", inputs({3, 16}, true, false), normal, reference},
                   {"neither", inputs({3, 16}, false, false), normal, reference},
                   {"size-1 rows", inputs({3, 1}), normal, reference},
                   {"no rows", inputs({0, 4}), normal, reference},
                   {"empty rows", inputs({3, 0}), normal, reference}},
       .errors = {{"0-d", [] { layer_norm(scalar(1)); },
                   "layer_norm: expected at least one dimension, got a 0-d tensor"},
                  {"integers", [] { layer_norm(arange(3)); },
                   "layer_norm: expected a floating x, got int64"},
                  {"weight's shape",
                   [] {
                     layer_norm(ones({2, 3}), ones({2}));
                   },
                   "layer_norm: expected weight of shape (3), got (2)"},
                  {"bias's shape",
                   [] {
                     layer_norm(ones({2, 3}), {}, ones({3, 1}));
                   },
                   "layer_norm: expected bias of shape (3), got (3, 1)"},
                  {"two dtypes",
                   [] {
                     layer_norm(ones({2, 3}), ones({3}, {.dtype = DType::float64}));
                   },
                   "layer_norm: expected tensors of one dtype, got float32 and float64"}}});
}

namespace {

// in: x, weight, bias, of which those at `moved` lie behind 16 bytes.
template <int... moved>
Tensor behind(const Tensors& in) {
  Tensors at = in;
  ((at[moved] = behind_16_bytes(at[moved])), ...);
  return normal(at);
}

}  // namespace

TEST_CASE("layer_norm: rows of every length, and in every place") {
  std::vector<Sample> samples;
  for (const RowShape& shape : kRowShapes)
    samples.push_back({shape.label(), inputs(shape.dims()), normal, reference});
  samples.push_back({"x behind 16 bytes", inputs({3, 64}), behind<0>, reference});
  samples.push_back({"weight behind 16 bytes", inputs({3, 64}), behind<1>, reference});
  samples.push_back({"bias behind 16 bytes", inputs({3, 64}), behind<2>, reference});
  samples.push_back({"dy behind 16 bytes", inputs({3, 64}),
                     [](const Tensors& in) { return behind_16_bytes(normal(in)); }, reference});
  run({.name = "layer_norm", .samples = samples});
}

TEST_CASE("layer_norm: gradients of long rows by the formula") {
  constexpr size_t n = 5000;
  const Tensors in = inputs({2, int64_t(n)});
  const Tensor x = leaf(in[0]), dy = uniform64({2, int64_t(n)}, -1, 1, 4);
  backward(layer_norm(x, in[1], in[2], kEps), dy);
  const auto got = grad(x).to_vector<double>(), v = in[0].to_vector<double>();
  const auto w = in[1].to_vector<double>(), d = dy.to_vector<double>();
  for (const size_t row : {size_t(0), n}) {
    double mean = 0, variance = 0, g = 0, gn = 0;
    for (size_t i = 0; i < n; ++i) mean += v[row + i] / n;
    for (size_t i = 0; i < n; ++i) variance += std::pow(v[row + i] - mean, 2) / n;
    const double rstd = 1 / std::sqrt(variance + kEps);
    for (size_t i = 0; i < n; ++i) {
      g += d[row + i] * w[i] / n;
      gn += d[row + i] * w[i] * (v[row + i] - mean) * rstd / n;
    }
    for (size_t i = 0; i < n; ++i) {
      const double want = rstd * (d[row + i] * w[i] - g - (v[row + i] - mean) * rstd * gn);
      CHECK(got[row + i] == doctest::Approx(want).epsilon(1e-9).scale(1));
    }
  }
}

TEST_CASE("layer_norm: x around 100 keeps the variance's digits") {
  // mean(x^2) - mean(x)^2 would lose four of float32's seven.
  auto x = uniform64({4, 64}, -1, 1);
  for (int64_t i = 0; i < x.numel(); ++i) x.data<double>()[i] += 100;
  const Tensor single = copy_of(x, DType::float32);
  const auto want = reference({copy_of(single, DType::float64), {}, {}});
  const auto got = layer_norm(single).to_vector<double>();
  for (size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - want[i]) < 5e-5);
}

TEST_CASE("layer_norm: float32 gradients agree with float64 over many rows") {
  const auto gradients = [](DType dtype) {
    Tensors x;
    for (const Tensor& in : inputs({3000, 48})) x.push_back(leaf(copy_of(in, dtype)));
    backward(normal(x), copy_of(uniform64({3000, 48}, -1, 1, 4), dtype));
    return Tensors{grad(x[0]), grad(x[1]), grad(x[2])};
  };
  const Tensors want = gradients(DType::float64), got = gradients(DType::float32);
  for (size_t k = 0; k < 3; ++k) {
    const auto a = want[k].to_vector<double>(), b = got[k].to_vector<double>();
    double worst = 0;
    for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
    CHECK(worst < (k == 0 ? 1e-5 : 1e-4));
  }
}

namespace {

// Both results, one after the other, so that both have a gradient.
Tensor both(const SumAndNorm& r) {
  return concat({r.sum, r.norm}, -1);
}
Tensor fused(const Tensors& in) {
  return both(add_layer_norm(in[0], in[3], in[1], in[2], kEps));
}
std::vector<double> composed(const Tensors& in) {
  return both(add_layer_norm_composed(in[0], in[3], in[1], in[2], kEps)).to_vector<double>();
}
Tensors with_residual(const Dims& shape, bool weight = true, bool bias = true) {
  Tensors in = inputs(shape, weight, bias);
  in.push_back(uniform64(shape, -2, 2, 4));
  return in;
}

}  // namespace

TEST_CASE("add_layer_norm") {
  run({.name = "add_layer_norm",
       .samples = {{"one row", with_residual({8}), fused, composed},
                   {"rows", with_residual({2, 3, 7}), fused, composed},
                   {"long rows", with_residual({3, 70}), fused, composed},
                   {"no parameters", with_residual({3, 5}, false, false), fused, composed},
                   {"rows of a warp", with_residual({3, 384}), fused, composed},
                   {"rows of a block", with_residual({2, 1000}), fused, composed},
                   {"too long for registers", with_residual({1, 4104}), fused, composed},
                   {"a behind 16 bytes", with_residual({3, 64}),
                    [](const Tensors& in) {
                      return fused({behind_16_bytes(in[0]), in[1], in[2], in[3]});
                    },
                    composed},
                   {"b behind 16 bytes", with_residual({3, 64}),
                    [](const Tensors& in) {
                      return fused({in[0], in[1], in[2], behind_16_bytes(in[3])});
                    },
                    composed},
                   {"no rows", with_residual({0, 4}), fused, composed},
                   {"empty rows", with_residual({3, 0}), fused, composed}},
       .errors = {{"another shape",
                   [] {
                     add_layer_norm(ones({2, 3}), ones({3}));
                   },
                   "add_layer_norm: expected b of shape (2, 3), got (3)"},
                  {"another dtype",
                   [] { add_layer_norm(ones({2}), ones({2}, {.dtype = DType::float64})); },
                   "add: expected tensors of one dtype, got float32 and float64"},
                  {"weight", [] { add_layer_norm(ones({2}), ones({2}), ones({3})); },
                   "add_layer_norm: expected weight of shape (2), got (3)"}},
       // The norm of a rounded sum: 16 bits lose more than once.
       .tolerance_factor = 4});
}

}  // namespace papilio::test
