// A block a matrix (a warp for b <= 32), the algorithm of kernels/cpu/cayley_neumann.cpp.
#include "kernels/cayley_neumann.h"

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/small_matrix.h"

namespace papilio::cuda {
namespace {

// out = left right + c I; the + 0 turns a negative zero into a positive one.
template <class C>
__device__ void next_power(int n, C* out, const C* left, const C* right, C c) {
  const WholeBlock team;
  multiply(
      team, n, out, [&](int i, int k) { return left[i * n + k]; },
      [&](int k, int j) { return right[k * n + j]; });
  for_entries(team, n, [&](int i, int j, int e) { out[e] += i == j ? c : C(0); });
  team.sync();
}

// h_{k-1} = c_{k-1} I + c_k A, or h_0 = I for k = 0.
template <class C>
__device__ void begin_series(int n, C* h, const C* a, int degree) {
  const WholeBlock team;
  const C c = degree > 0 ? C(neumann_coefficient(degree, degree)) : C(0);
  const C one = C(neumann_coefficient(degree > 0 ? degree - 1 : 0, degree));
  for_entries(team, n, [&](int i, int j, int e) {
    h[e] = (degree > 0 ? a[e] * c : C(0)) + (i == j ? one : C(0));
  });
  team.sync();
}

template <class T>
__global__ void series(T* q, const T* a, int64_t batch, int n, int degree, unsigned char* device,
                       size_t bytes) {
  using C = compute_t<T>;
  const WholeBlock team;
  const int size = n * n;
  C* in = block_work<C>(device, bytes);
  for (int64_t m = blockIdx.x; m < batch; m += gridDim.x) {
    C *h = in + size, *next = h + size;
    for_entries(team, n, [&](int, int, int e) { in[e] = C(a[m * size + e]); });
    team.sync();
    begin_series(n, h, in, degree);
    for (int j = degree - 2; j >= 0; --j) {
      next_power(n, next, in, h, C(neumann_coefficient(j, degree)));
      C* const kept = h;
      h = next;
      next = kept;
    }
    for_entries(team, n, [&](int, int, int e) { q[m * size + e] = T(h[e]); });
    team.sync();
  }
}

// dA^T = sum of h_{j+1} t_j with t_0 = dQ^T, t_{j+1} = t_j A.
template <class T>
__global__ void series_backward(T* da, const T* dq, const T* a, int64_t batch, int n, int degree,
                                unsigned char* device, size_t bytes) {
  using C = compute_t<T>;
  const WholeBlock team;
  const int size = n * n;
  C *in = block_work<C>(device, bytes), *da_t = in + size;
  C* const h = da_t + 3 * size;  // h_j at h + (j - 1) size for 1 <= j < degree
  for (int64_t m = blockIdx.x; m < batch; m += gridDim.x) {
    C *t = da_t + size, *other = t + size;
    for_entries(team, n, [&](int i, int j, int e) {
      in[e] = C(a[m * size + e]);
      t[e] = C(dq[m * size + j * n + i]);
      da_t[e] = 0;
    });
    team.sync();
    if (degree > 1) begin_series(n, h + (degree - 2) * size, in, degree);
    for (int j = degree - 2; j >= 1; --j)
      next_power(n, h + (j - 1) * size, in, h + j * size, C(neumann_coefficient(j, degree)));
    for (int j = 0; j + 1 < degree; ++j) {
      for_entries(team, n, [&](int i, int k, int e) {
        C sum = 0;
        for (int l = 0; l < n; ++l) sum += h[j * size + i * n + l] * t[l * n + k];
        da_t[e] += sum;
      });
      next_power(n, other, t, in, C(0));
      C* const kept = t;
      t = other;
      other = kept;
    }
    const C last = degree > 0 ? C(neumann_coefficient(degree, degree)) : C(0);
    for_entries(team, n, [&](int i, int j, int e) {
      da[m * size + e] = T(da_t[j * n + i] + last * t[j * n + i]);
    });
    team.sync();
  }
}

}  // namespace

void cayley_neumann(View q, ConstView a, int64_t terms) {
  const int b = int(a.size(-1));
  const int64_t total = a.numel(), batch = total > 0 ? total / (int64_t(b) * b) : 0;
  const int degree = int(neumann_degree(terms));
  dispatch_floating(a.dtype, [&]<class T>() {
    const BlockWork work(batch, b, 3 * size_t(b) * b * sizeof(compute_t<T>));
    work.launch(series<T>, q.as<T>(), a.as<T>(), batch, b, degree);
  });
}

void cayley_neumann_backward(View da, ConstView dq, ConstView a, int64_t terms) {
  const int b = int(a.size(-1));
  const int64_t total = a.numel(), batch = total > 0 ? total / (int64_t(b) * b) : 0;
  const int degree = int(neumann_degree(terms));
  dispatch_floating(a.dtype, [&]<class T>() {
    const size_t tiles = 4 + size_t(degree > 1 ? degree - 1 : 0);
    const BlockWork work(batch, b, tiles * b * b * sizeof(compute_t<T>));
    work.launch(series_backward<T>, da.as<T>(), dq.as<T>(), a.as<T>(), batch, b, degree);
  });
}

}  // namespace papilio::cuda
