// How much memory a device has to give.
#pragma once

#include <cstddef>
#include <string>

#include "tensor/device.h"

namespace papilio {

struct AvailableMemory {
  size_t bytes = 0;  // beside what this process has already
  // What the bound is: "free memory", "cgroup limit", "ulimit -v", "free on cuda:0".
  std::string bound;
};

// What a device has, for one of `processes` that take alike. The CPU has the least of what the
// kernel can give without swapping (MemAvailable, and the commit limit if that is strict), the
// limits of this process's cgroups, version 1 or 2, whose page cache counts as free, and its own
// limits (ulimit -v, ulimit -d); without /proc, the most that a number can say. A GPU has what its
// driver has free. Blocks that tensors left behind are available too. Under ulimit -v threads to
// come will share one heap, and their stacks are no longer there to give.
AvailableMemory available_memory(Device device, int processes = 1);

// The most memory of this process that was resident at once, in bytes, files and shared memory too
// (VmHWM of Linux); 0 elsewhere.
size_t peak_resident_bytes();

// From now on blocks that tensors on the CPU left behind go back to the system rather than that
// they and live tensors together take more than so many bytes.
void keep_memory_below(size_t bytes);

}  // namespace papilio
