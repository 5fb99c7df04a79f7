#include "kernels/copy.h"

#include <cstddef>
#include <cstdint>

#include "kernels/convert.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/strided.h"

namespace papilio::cuda {
namespace {

// Element by element, one a thread.
template <class To, class From>
__global__ void copy_elements(To* dst, const From* src, Strided<2> where, int64_t n) {
  for (int64_t i = first_element(); i < n; i += grid_stride()) {
    int64_t at[2];
    where.locate(i, at);
    dst[at[0]] = convert<To>(src[at[1]]);
  }
}

template <class T>
__global__ void fill_elements(T* dst, T value, Strided<1> where, int64_t n) {
  for (int64_t i = first_element(); i < n; i += grid_stride()) {
    int64_t at[1];
    where.locate(i, at);
    dst[at[0]] = value;
  }
}

bool dense(const Strided<2>& where) {
  return where.rows.rank == 1 && where.rows.step(0) == 1 && where.rows.step(1) == 1;
}

}  // namespace

void copy(View dst, ConstView src) {
  const Strided<2> where(dst, src);
  const int64_t n = where.rows.numel();
  if (dst.dtype == src.dtype && dense(where)) {
    check(cudaMemcpyAsync(dst.data, src.data, size_t(n) * size_of(dst.dtype),
                          cudaMemcpyDeviceToDevice, stream()),
          "cudaMemcpyAsync");
    return;
  }
  dispatch_all(dst.dtype, [&]<class To>() {
    dispatch_all(src.dtype, [&]<class From>() {
      launch(copy_elements<To, From>, blocks_for(n), kBlock, 0, stream(), dst.as<To>(),
             src.as<From>(), where, n);
    });
  });
}

void fill(View dst, double value) {
  const Strided<1> where(dst);
  const int64_t n = where.rows.numel();
  dispatch_all(dst.dtype, [&]<class T>() {
    launch(fill_elements<T>, blocks_for(n), kBlock, 0, stream(), dst.as<T>(), convert<T>(value),
           where, n);
  });
}

}  // namespace papilio::cuda
