// Optimiser updates over all parameters of a model in one pass.
#pragma once

#include <span>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// One parameter: contiguous views of one shape and one dtype, float32 or float64. `first` and
// `second` are the optimiser's moments (null data if it keeps none), of that dtype or codes.
struct ParameterSlot {
  View parameter;
  ConstView gradient;
  View first, second;
  double lr_scale;  // times the step's rate
  double weight_decay;
  // The scales of moments that are codes, of each block (kernels/adamw_8bit.h).
  View first_absmax = {}, second_absmax = {};
};

// What is another number at every step.
struct StepRates {
  double lr = 0;
  double correction1 = 1, correction2 = 1;  // AdamW: 1 - beta^t
};

// A step of a CUDA graph, in the device's memory: kernels read from it what they are otherwise
// given.
struct LiveStep {
  StepRates rates;  // written by the host before each launch
  double max_norm = 0;
  double loss = 0, norm = 0;  // written by find_clip_factor: the norm of all gradients
  double factor = 0;  // gradients are multiplied by it: 1, less to clip, 0 to leave out the step
};

// Decoupled weight decay (arXiv 1711.05101): p -= lr (wd p + m^ / (sqrt(v^) + eps)), m^ = m /
// correction1, v^ = v / correction2.
struct AdamWStep {
  double beta1, beta2, eps;
};

// g += wd p; b = momentum b + g; p -= lr (nesterov ? g + momentum b : b). `first` is b; without it
// momentum is 0.
struct SgdStep {
  double momentum;
  bool nesterov;
};

// One step of every parameter, and of its moments.
PAPILIO_KERNEL(void adamw(std::span<const ParameterSlot> slots, AdamWStep step, StepRates rates));
PAPILIO_KERNEL(void sgd(std::span<const ParameterSlot> slots, SgdStep step, StepRates rates));
// Sum of all squared elements, in float64; the order of additions does not depend on the number of
// threads.
PAPILIO_KERNEL(double sum_of_squares(std::span<const ConstView> tensors));
// Every element times `factor`.
PAPILIO_KERNEL(void scale(std::span<const View> tensors, double factor));

namespace cuda {

// The same with the rates of `live`, which is on the device, and without effect if its factor is
// 0.
void adamw_live(std::span<const ParameterSlot> slots, AdamWStep step, const LiveStep* live);
void sgd_live(std::span<const ParameterSlot> slots, SgdStep step, const LiveStep* live);
// Writes loss, norm and factor; the latter is 0 if one of the others is not finite. loss: 0-d.
void find_clip_factor(LiveStep* live, ConstView loss, std::span<const View> gradients);
// Every element times live's factor, unless that is 0.
void clip(std::span<const View> gradients, const LiveStep* live);

}  // namespace cuda

}  // namespace papilio
