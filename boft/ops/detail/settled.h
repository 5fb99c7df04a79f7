// What operations on an adapter's tensors settle at their door, and operations behind theirs.
#pragma once

#include "autograd/autocast.h"
#include "autograd/ops/cast.h"
#include "tensor/tensor.h"

namespace papilio::settled {

// An adapter's tensor of float32 as wide as what it acts on.
inline Tensor as_wide(const Tensor& own, const Tensor& x) {
  const bool wider = own.defined() && x.defined() && own.dtype() == DType::float32;
  return wider && x.dtype() == DType::float64 ? cast(own, DType::float64) : own;
}

// x and an adapter's tensor in the dtype to compute in: what Autocast wants; besides, a tensor of
// float32 acts on x of 16 bits in float32, and on x of float64 in float64. The result gets the
// dtype that x had.
struct Operands {
  Tensor x, own;
  DType result;

  Operands(const Tensor& input, const Tensor& tensor)
      : x(autocast::to_float32(input)), own(as_wide(autocast::to_float32(tensor), x)) {
    result = x.dtype();
    const bool narrow = x.defined() && own.defined() && is_floating(x.dtype()) &&
                        size_of(x.dtype()) == 2 && own.dtype() == DType::float32;
    if (narrow) x = cast(x, DType::float32);
  }
};

// Behind the door, where dtypes are settled and arguments checked: y = x R, or x R^T, of
// butterfly_rotation (boft/ops/butterfly_rotation.h), recorded as `operation`.
Tensor butterfly_rotation(const char* operation, const Tensor& x, const Tensor& q, bool transposed);

}  // namespace papilio::settled
