// The CUDA backend below its kernels: devices, memory and transfers. Whatever happens on a device
// happens on its one stream, in the order it was asked for; only what returns something to the host
// waits. Failures throw Error (OutOfMemoryError if memory is short).
//
// PAPILIO_CUDA_SYNC=1 in the environment waits after every kernel, so that an error names the
// kernel that made it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace papilio::cuda {

// Whether this build has the backend. One without nvcc has kernels/cuda/absent.cpp.in in its place:
// there are no devices, and the functions below throw Error.
bool is_built();
// 0 without a GPU or its driver.
int device_count();
// Kernels that this thread launches from now on go to device `index`.
void use_device(int index);

// Memory from a pool of this backend's own, aligned to 256 bytes. Never null: bytes > 0.
void* allocate(size_t bytes, int device);
[[noreturn]] void throw_out_of_memory(size_t bytes, int device);
void release(void* data, int device) noexcept;
// Gives what the pool keeps back to the driver.
void empty_cache(int device);
// A device's memory, and that of one device.
struct DeviceMemory {
  size_t free, total;  // bytes, as the driver sees them
};
DeviceMemory memory(int device);

// Through pinned buffers, so that the copy engine works while the host fills the next one. When
// they return, the host's memory may be used again (copy_from_host) or is complete (copy_to_host).
void copy_from_host(void* dst, const void* src, size_t bytes, int device);
void copy_to_host(void* dst, const void* src, size_t bytes, int device);

// Waits until the device has done everything it was asked for; throws what went wrong there.
void synchronize(int device);

}  // namespace papilio::cuda
