// Argument checks that operations share. Messages: the operation, what was expected, what came.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// Each throws ArgumentError: operation, what was expected, what came. `what` names the argument.
inline void check_defined(const char* operation, const Tensor& x, const char* what = "x") {
  check(x.defined(), operation, ": ", what, " is undefined");
}
inline void check_floating(const char* operation, const Tensor& x, const char* what = "x") {
  check_defined(operation, x, what);
  check(is_floating(x.dtype()), operation, ": expected a floating ", what, ", got ", x.dtype());
}
inline void check_dtype(const char* operation, const Tensor& x, DType wanted,
                        const char* what = "x") {
  check_defined(operation, x, what);
  check(x.dtype() == wanted, operation, ": expected ", what, " of ", wanted, ", got ", x.dtype());
}

// Same dtype and device: Papilio converts neither silently (cast(x, dtype) and to(x, device) do).
inline void check_same(const char* operation, const Tensor& a, const Tensor& b) {
  check_defined(operation, a, "first argument");
  check_defined(operation, b, "second argument");
  check(a.dtype() == b.dtype(), operation, ": expected tensors of one dtype, got ", a.dtype(),
        " and ", b.dtype());
  check(a.device() == b.device(), operation, ": expected tensors on one device, got ", a.device(),
        " and ", b.device());
}

// Throws ArgumentError unless x has the wanted shape.
inline void check_shape(const char* operation, const Tensor& x, const Dims& wanted,
                        const char* what = "x") {
  check_defined(operation, x, what);
  check(x.shape() == wanted, operation, ": expected ", what, " of shape ", wanted, ", got ",
        x.shape());
}

}  // namespace papilio
