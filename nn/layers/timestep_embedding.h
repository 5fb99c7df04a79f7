// A diffusion's timesteps as vectors.
#pragma once

#include <cstdint>
#include <string>

#include "nn/layers/linear.h"

namespace papilio::nn {

// The options of Diffusers' get_timestep_embedding.
struct TimestepOptions {
  bool flip_sin_to_cos = false;     // cosines first
  double downscale_freq_shift = 1;  // what is left of the lowest frequency's distance to 1 / period
  double max_period = 10000;
};

// Sinusoids of t: with h = dim / 2 and w_i = max_period^(-i / (h - downscale_freq_shift)), the row
// (sin(t w_0), ..., sin(t w_h-1), cos(t w_0), ...), a zero behind it if dim is odd. t: (N) int64 or
// floating; result: (N, dim) float32. The exponents of frequencies are computed in float32, as
// Diffusers computes them, and the powers rounded once (kernels/timestep_embedding.h). Without
// gradient. Throws ArgumentError for other shapes, and a shift of h or more.
// Ho, Jain, Abbeel: "Denoising diffusion probabilistic models", 2020, appendix B.
Tensor get_timestep_embedding(const Tensor& t, int64_t dim, const TimestepOptions& options = {});
// The same of cos, sin and concat.
Tensor get_timestep_embedding_composed(const Tensor& t, int64_t dim,
                                       const TimestepOptions& options = {});

// linear_2(silu(linear_1(x))): (N, inputs) -> (N, features).
struct TimestepEmbedding : Module {
  Linear linear_1, linear_2;

  TimestepEmbedding(int64_t inputs, int64_t features);
  Tensor operator()(const Tensor& x);
  void visit(Visitor& v) override;
  std::string describe() const override { return "TimestepEmbedding"; }
};

}  // namespace papilio::nn
