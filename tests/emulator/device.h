// The emulated device's memory: a range of addresses that is closed to the program while no kernel
// and no copy runs, so that host code that reads a device's pointer stops at once (in a program
// that starts in the order `forward`).
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>

namespace emulator {

constexpr size_t kMaxSharedOptin = 227 * 1024;  // as sm_90
// The last one has no memory pools. All share one memory.
constexpr int kDevices = 4;

// Open while it lives.
struct DeviceMemoryOpen {
  DeviceMemoryOpen();
  ~DeviceMemoryOpen();
  DeviceMemoryOpen(const DeviceMemoryOpen&) = delete;
  DeviceMemoryOpen& operator=(const DeviceMemoryOpen&) = delete;
};

// Which allocation's surroundings were written, or nothing. The memory must be open.
std::string check_zones();

// Keeps `status` for cudaGetLastError and returns it.
cudaError_t keep_error(cudaError_t status);

// Allocations that are alive.
size_t allocations_alive();
// How much memory the device claims to have: 1 GiB at the start.
void set_total_memory(size_t bytes);
// The shared memory that a block may ask for: kMaxSharedOptin at the start.
void set_max_shared(size_t bytes);
size_t max_shared();
// cuBLAS finds no memory for its next k handles.
void fail_blas(int k);
// Those that were made and not destroyed.
int blas_handles();
// This thread's device 0 is the machine's k-th from now on, as with CUDA_VISIBLE_DEVICES=k.
void see_devices_from(int k);
// Which of the machine's a device of this thread is.
int device_of_machine(int device);

}  // namespace emulator
