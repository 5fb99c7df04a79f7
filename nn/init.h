// Initialisers: they fill a tensor in place from a generator.
#pragma once

#include "tensor/random.h"
#include "tensor/tensor.h"

namespace papilio::nn {

// N(0, std^2) cut off at two standard deviations, as vision transformers begin.
void trunc_normal_(const Tensor& x, double std, Generator& generator = default_generator());
// U(-a, a) with a = 1 / sqrt(fan_in): PyTorch's start of Linear and Conv2d. weight: (out, in, ...);
// fan_in = in * ...
void kaiming_uniform_(const Tensor& weight, Generator& generator = default_generator());
// U(-a, a) with a = sqrt(6 / (fan_in + fan_out)).
void xavier_uniform_(const Tensor& weight, Generator& generator = default_generator());

// N(0, std^2).
void normal_(const Tensor& x, double std, Generator& generator = default_generator());

// One value.
void constant_(const Tensor& x, double value);

// A parameter of one value (zeros); under SkipInit of whatever lies there, so that no memory is
// touched before a file has shown that the sizes are right.
Tensor constant_parameter(const Dims& shape, double value);
Tensor zero_parameter(const Dims& shape);

// While one lives in this thread, all of the above leave tensors as they are, for models whose
// values come from elsewhere: drawing those of a large model takes seconds.
class SkipInit {
 public:
  SkipInit();
  ~SkipInit();
  SkipInit(const SkipInit&) = delete;
  SkipInit& operator=(const SkipInit&) = delete;

 private:
  bool before_;
};

}  // namespace papilio::nn
