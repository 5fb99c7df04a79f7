// The Cayley map of small matrices in registers: a thread has a whole one (b <= 8), or a lane of a
// warp one column (b = 16 and 32). Registers have no run-time index, so every loop is unrolled and
// rows are exchanged by comparing.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/cuda/pack.h"
#include "kernels/cuda/row.h"

namespace papilio::cuda {

// Beyond |S| <= 1 rows are exchanged (partial pivoting), as on the CPU.
constexpr int kUnpivoted = 1;

template <class C>
__device__ C magnitude(C x) {
  return x < 0 ? -x : x;
}

// Exchanges values: a choice of two places would need their addresses, which registers have not.
template <class C>
__device__ void swap_if(bool swap, C& a, C& b) {
  const C left = a, right = b;
  a = swap ? right : left;
  b = swap ? left : right;
}

// ---- a thread a matrix ----

// packed: from and to lie on multiples of 16 bytes.
template <int B, class T, class C>
__device__ void read_matrix(C (&a)[B][B], const T* from, bool packed) {
  constexpr int N = B * B < kPack<T> ? B * B : kPack<T>;
#pragma unroll
  for (int e = 0; e < B * B; e += N) {
    Pack<T, N> pack;
    if (packed) {
      pack = load_pack<N>(from + e);
    } else {
#pragma unroll
      for (int k = 0; k < N; ++k) pack.at[k] = from[e + k];
    }
#pragma unroll
    for (int k = 0; k < N; ++k) a[(e + k) / B][(e + k) % B] = C(pack.at[k]);
  }
}

// to[e] = value(e / B, e % B)
template <int B, class T, class Value>
__device__ void write_matrix(T* to, bool packed, Value value) {
  constexpr int N = B * B < kPack<T> ? B * B : kPack<T>;
#pragma unroll
  for (int e = 0; e < B * B; e += N) {
    Pack<T, N> pack;
#pragma unroll
    for (int k = 0; k < N; ++k) pack.at[k] = T(value((e + k) / B, (e + k) % B));
    if (packed) {
      store_pack(to + e, pack);
    } else {
#pragma unroll
      for (int k = 0; k < N; ++k) to[e + k] = pack.at[k];
    }
  }
}

// Gauss-Jordan inversion in place; with `exchange`, with partial pivoting.
template <int B, class C>
__device__ void invert_in_registers(C (&a)[B][B], bool exchange) {
  int swapped[B];
#pragma unroll
  for (int p = 0; p < B; ++p) {
    swapped[p] = p;
    if (exchange) {
      C largest = magnitude(a[p][p]);
#pragma unroll
      for (int i = p + 1; i < B; ++i)
        if (magnitude(a[i][p]) > largest) largest = magnitude(a[i][p]), swapped[p] = i;
#pragma unroll
      for (int i = p + 1; i < B; ++i)
#pragma unroll
        for (int j = 0; j < B; ++j) swap_if(swapped[p] == i, a[p][j], a[i][j]);
    }
    const C inverse = C(1) / a[p][p];
    a[p][p] = 1;
#pragma unroll
    for (int j = 0; j < B; ++j) a[p][j] *= inverse;
#pragma unroll
    for (int i = 0; i < B; ++i) {
      if (i == p) continue;
      const C factor = std::exchange(a[i][p], C(0));
#pragma unroll
      for (int j = 0; j < B; ++j) a[i][j] -= factor * a[p][j];
    }
  }
  if (!exchange) return;
#pragma unroll
  for (int p = B - 1; p >= 0; --p)  // exchanged rows of a are exchanged columns of its inverse
#pragma unroll
    for (int k = p + 1; k < B; ++k)
#pragma unroll
      for (int i = 0; i < B; ++i) swap_if(swapped[p] == k, a[i][p], a[i][k]);
}

template <int B, class T>
__global__ void cayley_threads(T* q, const T* r, int64_t batch, bool packed) {
  using C = compute_t<T>;
  for (int64_t m = first_element(); m < batch; m += grid_stride()) {
    C a[B][B], largest = 0;
    read_matrix(a, r + m * B * B, packed);
#pragma unroll
    for (int i = 0; i < B; ++i) {
#pragma unroll
      for (int j = 0; j < i; ++j) {
        a[i][j] = (a[i][j] - a[j][i]) * C(0.5);
        a[j][i] = -a[i][j];
        largest = Larger()(magnitude(a[i][j]), largest);
      }
      a[i][i] = C(1) + (a[i][i] - a[i][i]);  // 1, or NaN if r is
    }
    invert_in_registers(a, largest > C(kUnpivoted));
    // + 0 turns a negative zero into a positive one.
    write_matrix<B>(q + m * B * B, packed,
                    [&](int i, int j) { return C(2) * a[i][j] + (i == j ? C(-1) : C(0)); });
  }
}

// With U = I + Q and X = U dQ^T U: dS^T = -X / 2, so dR = (X - X^T) / 4. X comes column by column,
// and only its differences stay.
template <int B, class T>
__global__ void cayley_backward_threads(T* dr, const T* dq, const T* q, int64_t batch,
                                        bool packed) {
  using C = compute_t<T>;
  for (int64_t m = first_element(); m < batch; m += grid_stride()) {
    C u[B][B], g[B][B], difference[B][B] = {};  // x[i][j] - x[j][i] for i < j
    read_matrix(u, q + m * B * B, packed);
    read_matrix(g, dq + m * B * B, packed);
#pragma unroll
    for (int i = 0; i < B; ++i) u[i][i] += C(1);
#pragma unroll
    for (int j = 0; j < B; ++j) {
      C v[B] = {};  // dQ^T U, column j
#pragma unroll
      for (int k = 0; k < B; ++k)
#pragma unroll
        for (int i = 0; i < B; ++i) v[i] += g[k][i] * u[k][j];
#pragma unroll
      for (int i = 0; i < B; ++i) {
        C x = u[i][0] * v[0];
#pragma unroll
        for (int k = 1; k < B; ++k) x += u[i][k] * v[k];
        if (i < j) difference[i][j] += x;
        if (i > j) difference[j][i] -= x;
      }
    }
    write_matrix<B>(dr + m * B * B, packed, [&](int i, int j) {
      const C d = i < j ? difference[i][j] : i > j ? -difference[j][i] : u[i][i] - u[i][i];
      return d * C(0.25);
    });
  }
}

// ---- a lane a column ----

// B lanes a matrix; lane j has column j of I + S, then of its inverse.
template <int B, class T>
__global__ void cayley_columns(T* q, const T* r, int64_t batch) {
  using C = compute_t<T>;
  const int j = int(threadIdx.x) % B;
  const int64_t all = (batch * B + kWarp - 1) / kWarp * kWarp;  // a warp stays together
  for (int64_t t = first_element(); t < all; t += grid_stride()) {
    const bool there = t / B < batch;
    const int64_t at = (there ? t / B : 0) * B * B;
    C column[B], largest = 0;
#pragma unroll
    for (int i = 0; i < B; ++i) {
      const C s = (C(r[at + i * B + j]) - C(r[at + j * B + i])) * C(0.5);
      largest = Larger()(magnitude(s), largest);
      column[i] = i == j ? s + C(1) : s;
    }
    for (int distance = B / 2; distance > 0; distance /= 2)
      largest = Larger()(__shfl_xor_sync(kAllLanes, largest, distance, B), largest);
    const bool exchange = largest > C(kUnpivoted), anyone = __any_sync(kAllLanes, exchange) != 0;
    int to = j;  // which column of the inverse this one is: rows are exchanged, so are they
#pragma unroll
    for (int p = 0; p < B; ++p) {
      if (anyone) {
        int best = p;  // as lane p sees it
        C most = magnitude(column[p]);
#pragma unroll
        for (int i = p + 1; i < B; ++i)
          if (magnitude(column[i]) > most) most = magnitude(column[i]), best = i;
        best = __shfl_sync(kAllLanes, best, p, B);
        if (!exchange) best = p;
#pragma unroll
        for (int i = p + 1; i < B; ++i) swap_if(i == best, column[p], column[i]);
        to = __shfl_sync(kAllLanes, to, j == p ? best : j == best ? p : j, B);
      }
      const C inverse = C(1) / __shfl_sync(kAllLanes, column[p], p, B);
      const C pivot = (j == p ? C(1) : column[p]) * inverse;
#pragma unroll
      for (int i = 0; i < B; ++i) {
        const C factor = __shfl_sync(kAllLanes, column[i], p, B);
        column[i] = i == p ? pivot : (j == p ? C(0) : column[i]) - factor * pivot;
      }
    }
#pragma unroll
    for (int i = 0; i < B; ++i)
      if (there) q[at + i * B + to] = T(C(2) * column[i] + (i == to ? C(-1) : C(0)));
  }
}

}  // namespace papilio::cuda
