// Every operation, grouped: one include for users, one line each for readers.
#pragma once

// Over dimensions
#include "autograd/ops/argmax.h"   // argmax(x, dim): index of the largest element
#include "autograd/ops/reduce.h"   // sum, mean, var, max, min (x, dims, keepdim)
#include "autograd/ops/softmax.h"  // softmax(x): exp(x) / sum exp(x) over the last dimension

// Shapes
#include "autograd/ops/shape.h"  // reshape, flatten, transpose, permute, expand, squeeze, unsqueeze, select, slice, contiguous, clone, pad, flip

// Joining and picking
#include "autograd/ops/index.h"  // index_select(x, dim, index), gather(x, dim, index), embedding(weight, indices)
#include "autograd/ops/join.h"  // concat(tensors, dim), stack(tensors, dim), split(x, sizes, dim)
