// The CUDA run time as the kernels use it: checked calls, and the stream everything goes to.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda.h"

namespace papilio::cuda {

// Throws Error("cuda: <what>: <the run time's words>") unless the call worked.
void check(cudaError_t status, const char* what);

// The stream of the device in use.
cudaStream_t stream();
int device_in_use();
// How many multiprocessors the device in use has.
int multiprocessors();

// Threads of a block if nothing asks for another number.
constexpr int kBlock = 256;
// Blocks for n pieces of work, `per_block` of them a block; no more than keep the whole device
// busy.
unsigned blocks_for(int64_t n, int64_t per_block = kBlock);

// Throws if a launch failed, or, with PAPILIO_CUDA_SYNC=1, if its kernel did.
void check_launch(cudaError_t status, const void* kernel, dim3 grid, dim3 block,
                  size_t shared_bytes, cudaStream_t stream);

// Temporary memory of a kernel on the device in use: n elements of T, nothing in them. Given back
// in the stream's order, so it may go out of scope as soon as its kernels are launched.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t n) {
    if (n > 0) data_ = static_cast<T*>(allocate(size_t(n) * sizeof(T), device_));
  }
  ~Scratch() {
    if (data_ != nullptr) release(data_, device_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
  int device_ = device_in_use();
};

}  // namespace papilio::cuda
