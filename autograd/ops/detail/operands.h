// Operands as kernels take them. Nothing here records a gradient.
#pragma once

#include "tensor/copy.h"
#include "tensor/tensor.h"

namespace papilio {

// x itself if it has the dtype, else a copy.
inline Tensor converted(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : copy_of(x, dtype);
}

// Contiguous; an undefined x stays undefined.
inline Tensor contiguous_or_none(const Tensor& x) {
  return x.defined() ? contiguous_data(x) : Tensor();
}

}  // namespace papilio
