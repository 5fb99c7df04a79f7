// Moving between devices.
#pragma once

#include "tensor/tensor.h"

namespace papilio {

// x on `device`: x itself if it is there, else a contiguous copy. The gradient travels back. Throws
// ArgumentError if the device is not available.
Tensor to(const Tensor& x, Device device);

}  // namespace papilio
