// How the operations bring any reduction into the form that kernels/reduce.h takes.
#pragma once

#include <cstdint>

#include "kernels/reduce.h"
#include "tensor/tensor.h"

namespace papilio {

// A set of dimensions of a tensor, as bits.
using DimSet = uint32_t;

// {} means all. Throws for a wrong or repeated dimension.
DimSet dim_set(const char* operation, const Dims& dims, int rank);

// x reduced over `set`: dtype accumulator(x.dtype), shape x's with 1 in those dimensions. Not
// recorded. x is floating or int64. Without elements to reduce: zeros. `center`: of the result's
// shape and dtype, contiguous.
Tensor reduced(const char* operation, Reducer reducer, const Tensor& x, DimSet set,
               double factor = 1, const Tensor& center = {});

// x without the dimensions of `set`, which have size 1. No copy, not recorded.
Tensor without(const Tensor& x, DimSet set);
// The reverse.
Tensor with_ones(const Tensor& x, DimSet set);

}  // namespace papilio
