#include "kernels/householder.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cuda/row.h"
#include "kernels/dtype.h"
#include "kernels/math.h"

namespace papilio::cuda {
namespace {

// A block each row. A thread has elements i = thread, thread + threads, ... of every vector, so
// that only sums are shared.
struct Own {
  int64_t d;

  template <class F>
  __device__ void each(F f) const {
    for (int64_t i = threadIdx.x; i < d; i += blockDim.x) f(i);
  }
  template <class C>
  __device__ C dot(const C* a, const C* b) const {
    C sum = 0;
    each([&](int64_t i) { sum += a[i] * b[i]; });
    return join_block(sum, Plus{});
  }
  // y <- y H; returns y v from before.
  template <class C>
  __device__ C reflect(C* y, const C* v) const {
    const C c = dot(y, v);
    each([&](int64_t i) { y[i] -= 2 * c * v[i]; });
    return c;
  }
};

// v = u / |u| in the order in which a row meets them, and |u|. A block for each.
template <class T, class C>
__global__ void unit_vectors(C* v, C* length, const T* u, int64_t r, int64_t d, bool reversed) {
  const Own own{d};
  for (int64_t k = blockIdx.x; k < r; k += gridDim.x) {
    const T* uk = u + (reversed ? r - 1 - k : k) * d;
    C* vk = v + k * d;
    own.each([&](int64_t i) { vk[i] = C(uk[i]); });
    const C l = std::sqrt(own.dot(vk, vk));
    own.each([&](int64_t i) { vk[i] /= l; });
    if (threadIdx.x == 0) length[k] = l;
  }
}

// work: (blocks, d).
template <class T, class C>
__global__ void reflect_rows(T* y, C* work, const T* x, const C* v, int64_t rows, int64_t r,
                             int64_t d) {
  const Own own{d};
  C* row = work + blockIdx.x * d;
  for (int64_t at = blockIdx.x; at < rows; at += gridDim.x) {
    own.each([&](int64_t i) { row[i] = C(x[at * d + i]); });
    for (int64_t k = 0; k < r; ++k) own.reflect(row, v + k * d);
    own.each([&](int64_t i) { y[at * d + i] = T(row[i]); });
  }
}

// Each block sums the gradients of v over a group of rows: sums (groups, r, d). work: (groups, 2,
// d).
template <class T, class C>
__global__ void reflect_rows_back(T* dx, C* sums, C* work, const T* dy, const T* x, const C* v,
                                  int64_t rows, int64_t r, int64_t d, int64_t size) {
  const Own own{d};
  C *y = work + 2 * blockIdx.x * d, *g = y + d, *dv = sums + blockIdx.x * r * d;
  own.each([&](int64_t i) {
    for (int64_t k = 0; k < r; ++k) dv[k * d + i] = 0;
  });
  const int64_t begin = blockIdx.x * size;
  for (int64_t at = begin; at < rows && at < begin + size; ++at) {
    own.each([&](int64_t i) { y[i] = C(x[at * d + i]), g[i] = C(dy[at * d + i]); });
    for (int64_t k = 0; k < r; ++k) own.reflect(y, v + k * d);
    for (int64_t k = r; k-- > 0;) {
      const C* vk = v + k * d;
      const C c = own.reflect(y, vk), a = own.dot(g, vk);
      own.each([&](int64_t i) {
        dv[k * d + i] -= 2 * (a * y[i] - c * g[i]);
        g[i] -= 2 * a * vk[i];
      });
    }
    if (dx != nullptr) own.each([&](int64_t i) { dx[at * d + i] = T(g[i]); });
  }
}

// The groups' sums in their order, without their part along v. A block for each v.
template <class T, class C>
__global__ void join_groups(T* du, C* sums, const C* v, const C* length, int64_t groups, int64_t r,
                            int64_t d, bool reversed) {
  const Own own{d};
  for (int64_t k = blockIdx.x; k < r; k += gridDim.x) {
    C* dv = sums + k * d;  // of group 0
    own.each([&](int64_t i) {
      for (int64_t group = 1; group < groups; ++group) dv[i] += sums[(group * r + k) * d + i];
    });
    const C *vk = v + k * d, along = own.dot(static_cast<const C*>(dv), vk);
    T* duk = du + (reversed ? r - 1 - k : k) * d;
    own.each([&](int64_t i) { duk[i] = T((dv[i] - along * vk[i]) / length[k]); });
  }
}

template <class T>
struct Chain {
  using C = compute_t<T>;
  int64_t r, d;
  Scratch<C> v, length;

  Chain(ConstView u, bool reversed) : r(u.size(0)), d(u.size(1)), v(r * d), length(r) {
    launch(unit_vectors<T, C>, blocks_for(r, 1), row_block(d), 0, stream(), v.data(), length.data(),
           u.as<T>(), r, d, reversed);
  }
};

}  // namespace

void householder(View y, ConstView x, ConstView u, bool reversed) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Chain<T> chain(u, reversed);
    const int64_t rows = row_count(x);
    const auto blocks = blocks_for(rows, 1);
    const Scratch<C> work(int64_t(blocks) * chain.d);
    launch(reflect_rows<T, C>, blocks, row_block(chain.d), 0, stream(), y.as<T>(), work.data(),
           x.as<T>(), chain.v.data(), rows, chain.r, chain.d);
  });
}

void householder_backward(View dx, View du, ConstView dy, ConstView x, ConstView u, bool reversed) {
  // dx alone is a chain of the same reflections, met in the other order.
  if (!du.data) return householder(dx, dy, u, !reversed);
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Chain<T> chain(u, reversed);
    const int64_t rows = row_count(x), r = chain.r, d = chain.d;
    // Depends on the sizes only, so that results repeat on every GPU.
    const int64_t most = std::clamp<int64_t>((1 << 22) / (r * d + 1), 16, 512);
    const int64_t size = std::max<int64_t>(1, (rows + most - 1) / most);
    const int64_t groups = std::max<int64_t>(1, (rows + size - 1) / size);
    const Scratch<C> sums(groups * r * d), work(groups * 2 * d);
    launch(reflect_rows_back<T, C>, unsigned(groups), row_block(d), 0, stream(), dx.as<T>(),
           sums.data(), work.data(), dy.as<T>(), x.as<T>(), chain.v.data(), rows, r, d, size);
    launch(join_groups<T, C>, blocks_for(r, 1), row_block(d), 0, stream(), du.as<T>(), sums.data(),
           chain.v.data(), chain.length.data(), groups, r, d, reversed);
  });
}

}  // namespace papilio::cuda
