// How operations call kernels: the one of the device, with views.
#pragma once

#include "kernels/cuda.h"
#include "tensor/tensor.h"

namespace papilio {

// The kernel for `device`, which is made the device in use. Every backend's kernel has the same
// signature.
template <class Kernel>
Kernel* pick(const char*, Device device, Kernel* on_cpu, Kernel* on_cuda) {
  if (device.is_cpu()) return on_cpu;
  cuda::use_device(device.index);
  return on_cuda;
}
// Of an operation that only the CPU has; throws elsewhere.
template <class Kernel>
Kernel* pick(const char* operation, Device device, Kernel* on_cpu) {
  check(device.is_cpu(), operation, ": no kernel for device ", device);
  return on_cpu;
}

// The view of an optional argument: its data is null if x is undefined.
inline View view_or_none(const Tensor& x) {
  return x.defined() ? view(x) : View{};
}

}  // namespace papilio
