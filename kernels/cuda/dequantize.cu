#include "kernels/dequantize.h"

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/detail/rounded.h"

namespace papilio::cuda {
namespace {

// What a thread reads.
struct Blocks {
  const uint8_t* codes;
  const float *absmax, *table;
  int64_t block_size, first;
};

Blocks blocks_of(const BlockCodes& from) {
  return {from.codes.as<uint8_t>(), from.absmax.as<float>(), from.table.as<float>(),
          from.block_size, from.first};
}

// A thread for each element.
template <class R, class T>
__global__ void of_4_bits(T* y, Blocks from, int64_t n) {
  for (int64_t k = first_element(); k < n; k += grid_stride()) {
    const int64_t i = from.first + k;
    const uint8_t byte = from.codes[i / 2];
    const float value = from.table[i % 2 == 0 ? byte >> 4 : byte & 15];
    y[k] = T(compute_t<T>(float(R(value * from.absmax[i / from.block_size]))));
  }
}

template <class R, class T>
__global__ void of_8_bits(T* y, Blocks from, int64_t n) {
  for (int64_t k = first_element(); k < n; k += grid_stride()) {
    const int64_t i = from.first + k;
    const float value = from.table[from.codes[i]];
    y[k] = T(compute_t<T>(float(R(value * from.absmax[i / from.block_size]))));
  }
}

template <class T>
__global__ void of_rows(T* y, const uint8_t* codes, const float* scale, int64_t C, int64_t n) {
  for (int64_t i = first_element(); i < n; i += grid_stride())
    y[i] = T(compute_t<T>(float(int8_t(codes[i])) * scale[i / C] * kPerInt8));
}

}  // namespace

void dequantize_4bit(View y, const BlockCodes& from) {
  const int64_t n = y.numel();
  dispatch_rounded(from.rounded_to, y.dtype, [&]<class R, class T>() {
    launch(of_4_bits<R, T>, blocks_for(n), kBlock, 0, stream(), y.as<T>(), blocks_of(from), n);
  });
}

void dequantize_8bit(View y, const BlockCodes& from) {
  const int64_t n = y.numel();
  dispatch_rounded(from.rounded_to, y.dtype, [&]<class R, class T>() {
    launch(of_8_bits<R, T>, blocks_for(n), kBlock, 0, stream(), y.as<T>(), blocks_of(from), n);
  });
}

void dequantize_rows(View y, ConstView codes, ConstView scale) {
  const int64_t n = y.numel(), C = y.size(1);
  dispatch_floating(y.dtype, [&]<class T>() {
    launch(of_rows<T>, blocks_for(n), kBlock, 0, stream(), y.as<T>(), codes.as<uint8_t>(),
           scale.as<float>(), C, n);
  });
}

}  // namespace papilio::cuda
