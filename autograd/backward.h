// Reverse mode: leaves, gradients and the backward pass.
#pragma once

#include "autograd/node.h"

namespace papilio {

// Makes x a leaf that collects a gradient (or, with false, an ordinary tensor). Copies of x made
// before do not follow. Throws for a non-floating x and for one computed by an operation (detach()
// it first). Returns x.
Tensor& set_requires_grad(Tensor& x, bool value = true);
// The same on a temporary: auto w = leaf(randn({3, 4}));
Tensor leaf(Tensor x);

// The gradient accumulated in a leaf; undefined when there is none yet.
Tensor grad(const Tensor& x);
// Replaces it (undefined: none). Shape and dtype must be x's.
void set_grad(const Tensor& x, const Tensor& gradient);
void zero_grad(const Tensor& x);

// Adds d(y)/d(leaf) to every leaf that y depends on. `dy` is the gradient at y; without it y must
// have one element. The graph is freed on the way unless `retain_graph`; a second pass through a
// freed graph throws. Iterative: depth is limited by memory only. Runs without recording (no second
// derivatives).
void backward(const Tensor& y, Tensor dy = {}, bool retain_graph = false);

// Sums `dy` down to `shape`: the gradient of broadcasting.
Tensor sum_to(const Tensor& dy, const Dims& shape);

}  // namespace papilio
