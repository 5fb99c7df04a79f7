// Optimiser updates over all parameters of a model in one pass.
#pragma once

#include <span>

#include "kernels/view.h"

namespace papilio {

// One parameter: contiguous views of one shape and one dtype, float32 or float64. `first` and
// `second` are the optimiser's moments (null data where it keeps none).
struct ParameterSlot {
  View parameter;
  ConstView gradient;
  View first, second;
  double lr;
  double weight_decay;
};

// Decoupled weight decay (arXiv 1711.05101): p -= lr (wd p + m^ / (sqrt(v^) + eps)), m^ = m /
// correction1, v^ = v / correction2.
struct AdamWStep {
  double beta1, beta2, eps;
  double correction1, correction2;  // 1 - beta^t
};

// g += wd p; b = momentum b + g; p -= lr (nesterov ? g + momentum b : b). `first` is b; without it
// momentum is 0.
struct SgdStep {
  double momentum;
  bool nesterov;
};

}  // namespace papilio

namespace papilio::cpu {

void adamw(std::span<const ParameterSlot> slots, AdamWStep step);
void sgd(std::span<const ParameterSlot> slots, SgdStep step);
// Sum of all squared elements, in float64; the order of additions does not depend on the number of
// threads.
double sum_of_squares(std::span<const ConstView> tensors);
// Every element times `factor`.
void scale(std::span<const View> tensors, double factor);

}  // namespace papilio::cpu

namespace papilio::cuda {

PAPILIO_CUDA void adamw(std::span<const ParameterSlot> slots, AdamWStep step);
PAPILIO_CUDA void sgd(std::span<const ParameterSlot> slots, SgdStep step);
PAPILIO_CUDA double sum_of_squares(std::span<const ConstView> tensors);
PAPILIO_CUDA void scale(std::span<const View> tensors, double factor);

}  // namespace papilio::cuda
