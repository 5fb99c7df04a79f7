// Stands in for <cuda_runtime.h>: what a .cu file is written with, so that it compiles as C++. The
// threads of a block are fibers (tests/emulator/block.h); whatever waits for other threads changes
// to another fiber.
#pragma once

#include <cuda_runtime_api.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tests/emulator/block.h"
#include "tests/emulator/graph.h"

// NOLINTBEGIN(bugprone-reserved-identifier,bugprone-macro-parentheses): the names are NVIDIA's.
#define PAPILIO_EMULATED
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

// Kept for each place in the source, filled with NaN when a block first comes by, and between zones
// that nobody may write.
#define SHARED(T, name, count) T* const name = ::emulator::shared_array<T, (count)>([] {})
#define DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(::emulator::dynamic_shared())

inline constexpr int warpSize = 32;
inline const dim3& gridDim = emulator::grid_dim;
inline const dim3& blockDim = emulator::block_dim;
inline const uint3& blockIdx = emulator::block_index;
inline const uint3& threadIdx = emulator::thread_index;

inline void __syncthreads() {
  emulator::wait_for_block();
}
inline void __syncwarp(unsigned mask = 0xffffffffu) {
  emulator::exchange({.mask = mask, .what = emulator::Exchange::meet});
}

// The value of lane `source` of the same part of `width` lanes; one's own if there is none.
template <class T>
T shuffle_from(unsigned mask, T value, int source, int width) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  using Bits =
      std::conditional_t<sizeof(T) == 8, uint64_t,
                         std::conditional_t<sizeof(T) == 4, uint32_t,
                                            std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;
  return std::bit_cast<T>(Bits(emulator::exchange({.mask = mask,
                                                   .what = emulator::Exchange::shuffle,
                                                   .value = std::bit_cast<Bits>(value),
                                                   .source = source,
                                                   .width = width})));
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const int lane = emulator::lane(), first = lane / width * width;
  return shuffle_from(mask, value, first + (source & (width - 1)), width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const int lane = emulator::lane(), source = lane ^ bits;
  return shuffle_from(mask, value, source / width > lane / width ? lane : source, width);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const int lane = emulator::lane(), source = lane + int(by);
  return shuffle_from(mask, value, source / width == lane / width ? source : lane, width);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
  const int lane = emulator::lane(), source = lane - int(by);
  return shuffle_from(mask, value, source >= lane / width * width ? source : lane, width);
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return unsigned(emulator::exchange(
      {.mask = mask, .what = emulator::Exchange::ballot, .value = predicate != 0}));
}
inline int __any_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return __ballot_sync(mask, predicate) == mask;
}

inline int __popc(unsigned x) {
  return std::popcount(x);
}
inline int __ffs(int x) {
  return x == 0 ? 0 : 1 + std::countr_zero(unsigned(x));
}
template <class T>
T __ldg(const T* p) {
  return *p;
}

// Integers only: sums of floating numbers would depend on the order.
template <class T, class V>
T atomicAdd(T* to, V value) {
  static_assert(std::is_integral_v<T>);
  const T before = *to;
  *to = T(before + T(value));
  return before;
}

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  const auto call = [kernel, ... values = static_cast<Parameters>(arguments)] {
    kernel(values...);
  };
  return emulator::perform([call, config = *config, kernel] {
    return emulator::run({config.gridDim,
                          config.blockDim,
                          config.dynamicSmemBytes,
                          config.stream,
                          reinterpret_cast<const void*>(kernel),
                          &call,
                          [](const void* f) { (*static_cast<decltype(&call)>(f))(); },
                          {}});
  });
}

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel* kernel, cudaFuncAttribute, int bytes) {
  return emulator::allow_shared(reinterpret_cast<const void*>(kernel), bytes);
}

struct cudaFuncAttributes {
  int ptxVersion;
};
template <class Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Kernel* /*kernel*/) {
  attributes->ptxVersion = emulator::architecture();
  return cudaSuccess;
}
// NOLINTEND(bugprone-reserved-identifier,bugprone-macro-parentheses)
