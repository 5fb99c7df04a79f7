#include "kernels/index.h"

#include <vector>

#include "kernels/by_destination.h"
#include "kernels/cuda/launch.h"

namespace papilio::cuda {
namespace {

// Elements are only moved: T is an unsigned type of their size. A thread for each element of y.
template <class T>
__global__ void select_elements(T* y, const T* x, const int64_t* index, int64_t outer, int64_t n,
                                int64_t k, int64_t inner) {
  for (int64_t e = first_element(); e < outer * k * inner; e += grid_stride()) {
    const int64_t row = e / inner, c = e % inner;
    y[e] = x[(row / k * n + index[row % k]) * inner + c];
  }
}

template <class T>
__global__ void gather_elements(T* y, const T* x, const int64_t* index, int64_t outer, int64_t n,
                                int64_t k, int64_t inner) {
  for (int64_t e = first_element(); e < outer * k * inner; e += grid_stride())
    y[e] = x[(e / (k * inner) * n + index[e]) * inner + e % inner];
}

// A thread for each element of dx: it adds up the positions of its destination in their order.
template <class T>
__global__ void add_selected(T* dx, const T* dy, const int64_t* first, const int64_t* order,
                             int64_t outer, int64_t n, int64_t k, int64_t inner, int64_t skip) {
  for (int64_t e = first_element(); e < outer * n * inner; e += grid_stride()) {
    const int64_t row = e / inner, c = e % inner, o = row / n, i = row % n;
    compute_t<T> sum = 0;
    const int64_t end = i == skip ? 0 : first[i + 1];
    for (int64_t s = first[i]; s < end; ++s)
      sum += compute_t<T>(dy[(o * k + order[s]) * inner + c]);
    dx[e] = T(sum);
  }
}

// A thread for each column: nobody else adds to it.
template <class T, class A>
__global__ void add_gathered(A* dx, const T* dy, const int64_t* index, int64_t outer, int64_t n,
                             int64_t k, int64_t inner) {
  for (int64_t column = first_element(); column < outer * inner; column += grid_stride()) {
    const int64_t o = column / inner, c = column % inner;
    A* sums = dx + o * n * inner + c;
    for (int64_t i = 0; i < n; ++i) sums[i * inner] = A(0);
    for (int64_t j = 0; j < k; ++j) {
      const int64_t e = (o * k + j) * inner + c;
      sums[index[e] * inner] += A(dy[e]);
    }
  }
}

// Calls body<T>() with the unsigned type that has the size of a dtype.
template <class Body>
void dispatch_size(DType dtype, Body&& body) {
  switch (size_of(dtype)) {
    case 1:
      return body.template operator()<uint8_t>();
    case 2:
      return body.template operator()<uint16_t>();
    case 4:
      return body.template operator()<uint32_t>();
    default:
      return body.template operator()<uint64_t>();
  }
}

}  // namespace

void index_select(View y, ConstView x, ConstView index) {
  const int64_t outer = x.shape[0], n = x.shape[1], inner = x.shape[2], k = index.shape[0];
  dispatch_size(x.dtype, [&]<class T>() {
    launch(select_elements<T>, blocks_for(outer * k * inner), kBlock, 0, stream(), y.as<T>(),
           x.as<T>(), index.as<int64_t>(), outer, n, k, inner);
  });
}

void index_select_backward(View dx, ConstView dy, ConstView index, int64_t skip) {
  const int64_t outer = dx.shape[0], n = dx.shape[1], inner = dx.shape[2], k = index.shape[0];
  // Sorted on the host, which has read the index anyway to check it.
  std::vector<int64_t> at(size_t(k), 0);
  const int device = device_in_use();
  copy_to_host(at.data(), index.data, size_t(k) * sizeof(int64_t), device);
  const ByDestination by(at.data(), k, n);
  const Scratch<int64_t> first(n + 1), order(k);
  copy_from_host(first.data(), by.first.data(), size_t(n + 1) * sizeof(int64_t), device);
  copy_from_host(order.data(), by.order.data(), size_t(k) * sizeof(int64_t), device);
  dispatch_floating(dx.dtype, [&]<class T>() {
    launch(add_selected<T>, blocks_for(outer * n * inner), kBlock, 0, stream(), dx.as<T>(),
           dy.as<T>(), first.data(), order.data(), outer, n, k, inner, skip);
  });
}

void gather(View y, ConstView x, ConstView index) {
  const int64_t outer = x.shape[0], n = x.shape[1], inner = x.shape[2], k = y.shape[1];
  dispatch_size(x.dtype, [&]<class T>() {
    launch(gather_elements<T>, blocks_for(outer * k * inner), kBlock, 0, stream(), y.as<T>(),
           x.as<T>(), index.as<int64_t>(), outer, n, k, inner);
  });
}

void gather_backward(View dx, ConstView dy, ConstView index) {
  const int64_t outer = dx.shape[0], n = dx.shape[1], inner = dx.shape[2], k = dy.shape[1];
  dispatch_floating(dy.dtype, [&]<class T>() {
    using A = compute_t<T>;
    launch(add_gathered<T, A>, blocks_for(outer * inner), kBlock, 0, stream(), dx.as<A>(),
           dy.as<T>(), index.as<int64_t>(), outer, n, k, inner);
  });
}

}  // namespace papilio::cuda
