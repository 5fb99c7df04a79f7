// Copies between layouts and dtypes, and writes in place. None of these records a gradient
// (autograd/ops does).
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// dst = src, broadcast and converted, between any devices; views of one memory may overlap. dst
// must not require a gradient computed by an operation; writing bumps its version.
void copy_(const Tensor& dst, const Tensor& src);
// Every element becomes `value`.
void fill_(const Tensor& dst, double value);
// A new contiguous tensor with the same elements in another (or the same) dtype, without gradient.
Tensor copy_of(const Tensor& x, DType dtype);
Tensor copy_of(const Tensor& x);
// A new contiguous tensor on `device`, without gradient.
Tensor copy_of(const Tensor& x, Device device);
// x without gradient if it is on the CPU, else a copy there.
Tensor cpu_data(const Tensor& x);
// The same memory if it is contiguous already, else a contiguous copy; without gradient. For
// operations' insides.
Tensor contiguous_data(const Tensor& x);

}  // namespace papilio
