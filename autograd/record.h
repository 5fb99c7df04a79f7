// record: how every operation, built in or your own, joins the graph.
#pragma once

#include <initializer_list>
#include <span>

#include "autograd/node.h"

namespace papilio {

// Returns `y` with a node that calls `backward(dy, needs)` when gradients flow, or `y` as it is
// when no input needs one (or inside NoGrad). `dy` has y's shape and dtype and is contiguous or
// expanded; backward returns one gradient an input, of that input's shape and dtype. What the
// lambda captures is what is saved; capture outputs detached (a node must not own itself).
// `operation` must outlive the graph: a string literal. Example: autograd/ops/softmax.cpp.
Tensor record(const char* operation, Tensor y, std::initializer_list<Tensor> inputs,
              Backward backward);
Tensor record(const char* operation, Tensor y, std::span<const Tensor> inputs, Backward backward);

// For operations without a gradient: y as it is, or, when gradients are on and an input needs one,
// a node that throws when asked. A gradient is never dropped silently.
Tensor record_without_gradient(const char* operation, Tensor y,
                               std::initializer_list<Tensor> inputs);

}  // namespace papilio
