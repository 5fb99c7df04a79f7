#include "kernels/cayley.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/cayley_registers.h"
#include "kernels/cuda/row.h"
#include "kernels/cuda/small_matrix.h"
#include "kernels/detail/dispatch_size.h"

namespace papilio::cuda {
namespace {

// Gauss-Jordan inversion of a in place. column: n numbers, swapped: n; with `exchange`, with
// partial pivoting.
template <class Team, class Size, class C>
__device__ void invert(Team team, Size n, C* a, C* column, int* swapped, bool exchange) {
  for (int p = 0; p < n; ++p) {
    if (exchange) {
      int best = p;  // every thread finds it by itself
      for (int i = p + 1; i < n; ++i)
        if (magnitude(a[i * n + p]) > magnitude(a[best * n + p])) best = i;
      team.sync();
      for (int j = team.rank; j < n && best != p; j += team.size) {
        const C other = a[p * n + j];
        a[p * n + j] = a[best * n + j];
        a[best * n + j] = other;
      }
      if (team.rank == 0) swapped[p] = best;
      team.sync();
    }
    for (int i = team.rank; i < n; i += team.size) column[i] = a[i * n + p];
    team.sync();
    const C inverse = C(1) / column[p];
    for (int j = team.rank; j < n; j += team.size)
      a[p * n + j] = (j == p ? C(1) : a[p * n + j]) * inverse;
    team.sync();
    for_entries(team, n, [&](int i, int j, int e) {
      if (i != p) a[e] = (j == p ? C(0) : a[e]) - column[i] * a[p * n + j];
    });
    team.sync();
  }
  if (!exchange) return;
  for (int p = n - 1; p >= 0; --p) {  // exchanged rows of a are exchanged columns of its inverse
    const int other = swapped[p];
    for (int i = team.rank; i < n && other != p; i += team.size) {
      const C kept = a[i * n + p];
      a[i * n + p] = a[i * n + other];
      a[i * n + other] = kept;
    }
    team.sync();
  }
}

template <class Team, class Size, class C, class T>
__device__ void cayley_one(Team team, Size n, T* q, const T* r, C* a, C* column, int* swapped) {
  C largest = 0;
  for_entries(team, n, [&](int i, int j, int e) {
    const C s = (C(r[e]) - C(r[j * n + i])) * C(0.5);  // on the diagonal 0, or NaN if r is
    largest = Larger()(magnitude(s), largest);
    a[e] = i == j ? s + C(1) : s;
  });
  largest = team.largest(largest);
  team.sync();
  invert(team, n, a, column, swapped, largest > C(kUnpivoted));
  for_entries(team, n, [&](int i, int j, int e) {  // + 0 turns a negative zero into a positive one
    q[e] = T(C(2) * a[e] + (i == j ? C(-1) : C(0)));
  });
}

// With U = I + Q and X = U dQ^T U: dS^T = -X / 2, so dR = (X - X^T) / 4.
template <class Team, class Size, class C, class T>
__device__ void cayley_backward_one(Team team, Size n, T* dr, const T* dq, const T* q, C* u, C* v,
                                    C* x) {
  for_entries(team, n, [&](int i, int j, int e) { u[e] = C(q[e]) + (i == j ? C(1) : C(0)); });
  team.sync();
  multiply(
      team, n, v, [&](int i, int k) { return C(dq[k * n + i]); },
      [&](int k, int j) { return u[k * n + j]; });
  multiply(
      team, n, x, [&](int i, int k) { return u[i * n + k]; },
      [&](int k, int j) { return v[k * n + j]; });
  for_entries(team, n, [&](int i, int j, int e) { dr[e] = T((x[e] - x[j * n + i]) * C(0.25)); });
}

template <class T>
__global__ void cayley_blocks(T* q, const T* r, int64_t batch, int b, unsigned char* device,
                              size_t bytes) {
  using C = compute_t<T>;
  C *a = block_work<C>(device, bytes), *column = a + b * b;
  int* swapped = reinterpret_cast<int*>(column + b);
  for (int64_t m = blockIdx.x; m < batch; m += gridDim.x) {
    const int64_t at = m * b * b;
    cayley_one(WholeBlock(), b, q + at, r + at, a, column, swapped);
    __syncthreads();
  }
}

template <class T>
__global__ void cayley_backward_blocks(T* dr, const T* dq, const T* q, int64_t batch, int b,
                                       unsigned char* device, size_t bytes) {
  using C = compute_t<T>;
  C *u = block_work<C>(device, bytes), *v = u + b * b, *x = v + b * b;
  for (int64_t m = blockIdx.x; m < batch; m += gridDim.x) {
    const int64_t at = m * b * b;
    cayley_backward_one(WholeBlock(), b, dr + at, dq + at, q + at, u, v, x);
    __syncthreads();
  }
}

}  // namespace

void cayley(View q, ConstView r) {
  const int64_t b = r.size(-1), total = r.numel(), batch = total > 0 ? total / (b * b) : 0;
  const bool packed = on_16_bytes(q.data, r.data);
  dispatch_floating(r.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const bool done =
        dispatch_size<2, 4, 8>(b,
                               [&]<int B>(std::integral_constant<int, B>) {
                                 launch(cayley_threads<B, T>, blocks_for(batch), kBlock, 0,
                                        stream(), q.as<T>(), r.as<T>(), batch, packed);
                               }) ||
        dispatch_size<16, 32>(b, [&]<int B>(std::integral_constant<int, B>) {
          launch(cayley_columns<B, T>, blocks_for(batch * B), kBlock, 0, stream(), q.as<T>(),
                 r.as<T>(), batch);
        });
    if (done) return;
    const BlockWork work(batch, b, size_t(b * b + b) * sizeof(C) + size_t(b) * sizeof(int));
    work.launch(cayley_blocks<T>, q.as<T>(), r.as<T>(), batch, int(b));
  });
}

void cayley_backward(View dr, ConstView dq, ConstView q) {
  const int64_t b = q.size(-1), total = q.numel(), batch = total > 0 ? total / (b * b) : 0;
  const bool packed = on_16_bytes(dr.data, dq.data, q.data);
  dispatch_floating(q.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const auto in_threads = [&]<int B>(std::integral_constant<int, B>) {
      launch(cayley_backward_threads<B, T>, blocks_for(batch), kBlock, 0, stream(), dr.as<T>(),
             dq.as<T>(), q.as<T>(), batch, packed);
    };
    // 8 x 8 in float64 would take more registers than a thread can have.
    bool done = false;
    if constexpr (sizeof(C) == sizeof(double))
      done = dispatch_size<2, 4>(b, in_threads);
    else
      done = dispatch_size<2, 4, 8>(b, in_threads);
    if (done) return;
    const BlockWork work(batch, b, 3 * size_t(b * b) * sizeof(C));
    work.launch(cayley_backward_blocks<T>, dr.as<T>(), dq.as<T>(), q.as<T>(), batch, int(b));
  });
}

}  // namespace papilio::cuda
