// How operations call kernels: the one of the device, with views.
#pragma once

#include <type_traits>

#include "kernels/cuda.h"
#include "tensor/dry_run.h"
#include "tensor/tensor.h"

namespace papilio {

// What stands in a kernel's place in a DryRun: a sum is 0, a search finds nothing (-1).
template <class Kernel>
struct Skipped;
template <class R, class... Arguments>
struct Skipped<R(Arguments...)> {
  static R run(Arguments...) {
    if constexpr (std::is_same_v<R, bool>)
      return true;
    else if constexpr (std::is_integral_v<R>)
      return R(-1);
    else
      return R();
  }
};

// The kernel for `device`, which is made the device in use. Both backends' have one signature.
template <class Kernel>
Kernel* pick(Device device, Kernel* on_cpu, Kernel* on_cuda) {
  if (DryRun::active()) return Skipped<Kernel>::run;
  if (device.is_cpu()) return on_cpu;
  cuda::use_device(device.index);
  return on_cuda;
}

// A kernel that only the CPU has.
template <class Kernel>
Kernel* pick_cpu(Kernel* kernel) {
  return DryRun::active() ? Skipped<Kernel>::run : kernel;
}

// A kernel that only a GPU has; throws ArgumentError on the CPU, naming the operation.
template <class Kernel>
Kernel* pick_cuda(const char* operation, Device device, Kernel* kernel) {
  check(!device.is_cpu(), operation, ": no kernel for device ", device);
  if (DryRun::active()) return Skipped<Kernel>::run;
  cuda::use_device(device.index);
  return kernel;
}

// The view of an optional argument: its data is null if x is undefined.
inline View view_or_none(const Tensor& x) {
  return x.defined() ? view(x) : View{};
}

}  // namespace papilio
