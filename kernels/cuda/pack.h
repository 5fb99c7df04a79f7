// N neighbours in memory, read or written by one instruction: up to 16 bytes, from an address that
// is a multiple of as many.
#pragma once

#include <cstdint>
#include <new>

#include "kernels/cuda/launch.h"

namespace papilio::cuda {

template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

// How many elements of T one instruction moves at most.
template <class T>
constexpr int kPack = 16 / int(sizeof(T));

template <int N, class T>
__device__ Pack<T, N> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, N>*>(from);
}
// Made anew there rather than assigned: the 16-bit types assign each for itself, which would be N
// instructions.
template <int N, class T>
__device__ void store_pack(T* to, const Pack<T, N>& values) {
  ::new (static_cast<void*>(to)) Pack<T, N>(values);
}

// Whether all of them lie on multiples of 16 bytes.
template <class... Ts>
bool on_16_bytes(const Ts*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) | ...) % 16) == 0;
}

}  // namespace papilio::cuda
