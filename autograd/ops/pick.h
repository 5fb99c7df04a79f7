// How operations call kernels: the one of the device, with views.
#pragma once

#include "tensor/error.h"
#include "tensor/tensor.h"

namespace papilio {

// The kernel for `device`; throws where there is none. Every backend's kernel has the same
// signature.
template <class Kernel>
Kernel* pick(const char* operation, Device device, Kernel* on_cpu) {
  check(device.is_cpu(), operation, ": no kernel for device ", device, " in this build");
  return on_cpu;
}

// The view of an optional argument: its data is null where x is undefined.
inline View view_or_none(const Tensor& x) {
  return x.defined() ? view(x) : View{};
}

}  // namespace papilio
