// Recomputation: memory against time.
#pragma once

#include <functional>

#include "tensor/tensor.h"

namespace papilio {

// f(x), as torch.utils.checkpoint: nothing that f computes is kept for the backward pass but x. It
// computes f again when the gradient arrives, with the random numbers of the default generator and
// the Autocast scope of the first time, and goes on through what is recorded then: gradients have
// the bits that they have without checkpoint. x may want a gradient or not; what f captures
// (parameters, other tensors) gets its gradients too. Checkpoints nest. Chen and others: "Training
// deep nets with sublinear memory cost", 2016.
//
// f is called once without gradients, and twice with; what it captures must live until then. It
// must do the same both times: backward throws Error if f records other operations or draws
// another number of random numbers than before, or if a tensor it uses was changed in place
// between. If the result depends on nothing that wants a gradient, nothing is kept.
// Throws ArgumentError if x or the result is undefined.
Tensor checkpoint(const std::function<Tensor(const Tensor&)>& f, const Tensor& x);

// True on this thread while a checkpoint computes its f again: what a forward pass does besides
// computing (clipping a parameter, counting) has been done.
bool recomputing();

}  // namespace papilio
