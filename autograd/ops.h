// Every operation, grouped: one include for users, one line each for readers.
#pragma once

// Over dimensions
#include "autograd/ops/argmax.h"   // argmax(x, dim): index of the largest element
#include "autograd/ops/reduce.h"   // sum, mean, var, max, min (x, dims, keepdim)
#include "autograd/ops/softmax.h"  // softmax(x): exp(x) / sum exp(x) over the last dimension
