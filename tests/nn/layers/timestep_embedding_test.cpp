#include "nn/layers/timestep_embedding.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

// Each row written out: sines (or cosines) of t 10000^(-i / (half - shift)), a zero if dim is odd.
std::vector<double> sinusoids(const Tensor& t, int64_t dim, const nn::TimestepOptions& options) {
  std::vector<double> y;
  const int64_t half = dim / 2;
  for (const double time : t.to_vector<double>()) {
    for (const bool second : {false, true}) {
      for (int64_t i = 0; i < half; ++i) {
        const double exponent = -double(i) / (double(half) - options.downscale_freq_shift);
        const double angle = time * std::pow(options.max_period, exponent);
        y.push_back(second == options.flip_sin_to_cos ? std::sin(angle) : std::cos(angle));
      }
    }
    if (dim % 2) y.push_back(0);
  }
  return y;
}

Sample sample(const char* label, const Tensor& t, int64_t dim, nn::TimestepOptions options = {}) {
  return {label,
          {t},
          [=](const Tensors& in) { return nn::get_timestep_embedding(in[0], dim, options); },
          [=](const Tensors& in) { return sinusoids(in[0], dim, options); }};
}

}  // namespace

TEST_CASE("get_timestep_embedding") {
  const Tensor whole = tensor<int64_t>({0, 1, 2, 7, 19}, {5}),
               parts = tensor<double>({0, 0.25, 3.5, 12}, {4});
  run({.name = "get_timestep_embedding",
       .samples = {sample("integers", whole, 32), sample("numbers", parts, 32),
                   sample("cosines first", whole, 320,
                          {.flip_sin_to_cos = true, .downscale_freq_shift = 0}),
                   sample("odd", whole, 7, {.downscale_freq_shift = 0.5}),
                   sample("odd, cosines first", parts, 9, {.flip_sin_to_cos = true}),
                   sample("period", parts, 8, {.max_period = 100}),
                   sample("one frequency", whole, 2, {.downscale_freq_shift = 0}),
                   sample("no times", zeros({0}, {.dtype = DType::float64}), 8)},
       .errors = {{"shape",
                   [] {
                     nn::get_timestep_embedding(zeros({2, 2}), 8);
                   },
                   "get_timestep_embedding: expected t of shape (N)"},
                  {"shift", [] { nn::get_timestep_embedding(zeros({2}), 2); },
                   "get_timestep_embedding: expected a dim of at least 2 and a "
                   "downscale_freq_shift below dim / 2, got 2 and 1"}},
       .differentiable = false,
       .dtypes = {DType::float32, DType::bfloat16, DType::float16}});
}

TEST_CASE("get_timestep_embedding has the bits of what it is composed of") {
  const Tensor t = arange(1000);
  for (const int64_t dim : {320, 33}) {
    for (const bool flip : {false, true}) {
      const nn::TimestepOptions options{.flip_sin_to_cos = flip, .downscale_freq_shift = 0};
      CHECK(nn::get_timestep_embedding(t, dim, options).to_vector<float>() ==
            nn::get_timestep_embedding_composed(t, dim, options).to_vector<float>());
    }
  }
}

TEST_CASE("get_timestep_embedding: times of every type, one of them for all, without gradient") {
  const auto want = nn::get_timestep_embedding(tensor<int64_t>({5, 5}, {2}), 6);
  CHECK(want.dtype() == DType::float32);
  for (const DType dtype : {DType::int32, DType::uint8, DType::float16, DType::float64}) {
    CAPTURE(dtype);
    const Tensor t = copy_of(tensor<int64_t>({5}, {1}), dtype);
    const Tensor both = t.alias(t.layout().expand("test", {2}));
    const Tensor y = nn::get_timestep_embedding(both, 6);
    CHECK(!y.requires_grad());
    CHECK(y.to_vector<float>() == want.to_vector<float>());
  }
}

}  // namespace papilio::test
