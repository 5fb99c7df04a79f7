// Chooses an operation's kernel by device.
#pragma once

#include "tensor/device.h"
#include "tensor/error.h"

namespace papilio {

// The kernel for `device`; throws where there is none. Every backend's kernel has the same signature.
template <class Kernel>
Kernel* pick(const char* operation, Device device, Kernel* on_cpu) {
  check(device.is_cpu(), operation, ": no kernel for device ", device, " in this build");
  return on_cpu;
}

}  // namespace papilio
