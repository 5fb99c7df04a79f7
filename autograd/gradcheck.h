// Compares recorded gradients with central differences.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace papilio {

struct GradcheckOptions {
  double eps = 1e-6;
  double rtol = 1e-3;
  double atol = 1e-5;
};

// What gradcheck found; true if every gradient agreed.
struct GradcheckResult {
  bool passed = false;
  // The first element that disagrees: input, index, analytic and numeric value.
  std::string message;

  // passed
  explicit operator bool() const { return passed; }
};

// f must be deterministic. Inputs of dtype float64 are checked, others (indices, masks) are passed
// through; none may be required to be a leaf beforehand. The output may have any shape: it is
// contracted with fixed pseudo-random weights.
GradcheckResult gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                          const std::vector<Tensor>& inputs, GradcheckOptions options = {});

}  // namespace papilio
