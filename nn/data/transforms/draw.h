// Single random numbers, for the choices that transforms make.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "kernels/philox.h"
#include "tensor/random.h"

namespace papilio::nn {

class Draw {
 public:
  explicit Draw(Generator& generator) : generator_(generator) {}

  // A number in [low, high), of 53 random bits.
  double uniform(double low = 0, double high = 1) {
    const Philox4 block = philox_block(generator_.seed(), generator_.reserve(4) / 4);
    const uint64_t bits = uint64_t(block.word[0]) << 32 | block.word[1];
    return low + (high - low) * (double(bits >> 11) * 0x1p-53);
  }
  // low, ..., high - 1
  int64_t integer(int64_t low, int64_t high) {
    return low + int64_t(uniform() * double(high - low));
  }
  bool chance(double p) { return p > 0 && uniform() < p; }
  double normal() {  // Box-Muller
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  // Beta(a, a) with a > 0, as the quotient of two gamma variables.
  double beta(double a) {
    const double x = log_gamma_variable(a), y = log_gamma_variable(a);
    return 1 / (1 + std::exp(y - x));
  }

 private:
  // The logarithm of a Gamma(a, 1) variable. Marsaglia, Tsang: "A simple method for generating
  // gamma variables" (ACM TOMS 26, 2000); a < 1 by their remark in section 6.
  double log_gamma_variable(double a) {
    if (a < 1) return log_gamma_variable(a + 1) + std::log(1 - uniform()) / a;
    const double d = a - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = normal(), v = std::pow(1 + c * x, 3);
      if (1 + c * x > 0 && std::log(1 - uniform()) < 0.5 * x * x + d - d * v + d * std::log(v))
        return std::log(d) + std::log(v);
    }
  }

  Generator& generator_;
};

}  // namespace papilio::nn
