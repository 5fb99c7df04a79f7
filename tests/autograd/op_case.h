// One table entry drives every check of an operation (tests/autograd/op_case.cpp says which).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace papilio::test {

using Tensors = std::vector<Tensor>;

struct Sample {
  std::string label;
  // Floating ones in float64 (the driver casts them); indices and masks as they are.
  Tensors inputs;
  std::function<Tensor(const Tensors&)> f;
  // The same in plain float64 loops, or composed of operations that have their own reference;
  // row-major values.
  std::function<std::vector<double>(const Tensors&)> reference;
};

struct WrongUse {
  std::string label;
  std::function<void()> f;
  std::string message;  // what() must be exactly this
};

struct OpCase {
  std::string name;
  // Include empty, 0-d and size-1 dimensions, and broadcasting, if they are legal.
  std::vector<Sample> samples;
  std::vector<WrongUse> errors = {};
  bool differentiable = true;
  bool propagates_nan = true;  // a NaN anywhere in the first input must reach the output
  std::vector<DType> dtypes = {DType::float32, DType::float64, DType::bfloat16, DType::float16};
  double tolerance_factor = 1;  // for long reductions in low precision; say why if it is not 1
  bool on_device = true;        // false: the CPU only
};

// For every sample: the reference; every dtype against float64; strided and offset inputs;
// gradcheck (contiguous and strided); the same bits twice; NaN; then the wrong uses. If there is
// a GPU (or the emulator), all of these there, and the gradients of every dtype against the CPU's.
// Called inside a doctest TEST_CASE.
void run(const OpCase& c);

// Deterministic float64 test data in [low, high); the same seed and shape give the same values.
Tensor uniform64(const Dims& shape, double low = -1, double high = 1, uint64_t seed = 1);

}  // namespace papilio::test
