// What softmax and cross entropy find out about a row, by a block.
#pragma once

#include <limits>

#include "kernels/cuda/row.h"
#include "kernels/math.h"

namespace papilio::cuda {

template <class C>
constexpr C kLowest = -std::numeric_limits<C>::infinity();

template <class T>
__device__ compute_t<T> row_max(const T* x, int64_t n) {
  compute_t<T> max = kLowest<compute_t<T>>;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) max = Larger()(max, compute_t<T>(x[i]));
  return join_block(max, Larger());
}

// sum exp(x - max)
template <class T>
__device__ compute_t<T> row_sum_exp(const T* x, compute_t<T> max, int64_t n) {
  compute_t<T> sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += math::exp(compute_t<T>(x[i]) - max);
  return join_block(sum, Plus());
}

}  // namespace papilio::cuda
