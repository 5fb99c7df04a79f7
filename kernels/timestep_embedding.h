// Sinusoids of a diffusion's timesteps.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/declare.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace papilio {

// w_i = exp(slope i / distance), in float32; the exponential in float64, so that hosts and devices
// have the same frequencies.
struct TimestepFrequencies {
  float slope;     // -log max_period
  float distance;  // half - downscale_freq_shift
  PAPILIO_HOST_DEVICE float operator()(int64_t i) const {
    return float(std::exp(double(slope * float(i) / distance)));
  }
};

// Rows of y: the sines of t w_0, ..., t w_h-1 and then the cosines, or those first; 0 in a last
// column if their number is odd. y: (N, D) float32, h = D / 2; t: (N) int64 or floating, any
// stride.
PAPILIO_KERNEL(void timestep_embedding(View y, ConstView t, TimestepFrequencies w,
                                       bool cosines_first));

}  // namespace papilio
