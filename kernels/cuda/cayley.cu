#include "kernels/cayley.h"

#include "kernels/cuda/small_matrix.h"

namespace papilio::cuda {
namespace {

// As on the CPU: beyond |S| <= 1 rows are exchanged (partial pivoting).
constexpr int kUnpivoted = 1;

template <class C>
__device__ C magnitude(C x) {
  return x < 0 ? -x : x;
}

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
    const C s = (C(r[e]) - C(r[j * n + i])) * C(0.5);  // on the diagonal 0, or NaN where r is
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

// ---- a thread a matrix, in registers ----

template <int B, class T>
__global__ void cayley_threads(T* q, const T* r, int64_t batch) {
  using C = compute_t<T>;
  constexpr std::integral_constant<int, B> n;
  for (int64_t m = first_element(); m < batch; m += grid_stride()) {
    C a[B * B], column[B];
    int swapped[B];
    cayley_one(OneThread(), n, q + m * B * B, r + m * B * B, a, column, swapped);
  }
}

template <int B, class T>
__global__ void cayley_backward_threads(T* dr, const T* dq, const T* q, int64_t batch) {
  using C = compute_t<T>;
  constexpr std::integral_constant<int, B> n;
  for (int64_t m = first_element(); m < batch; m += grid_stride()) {
    const int64_t at = m * B * B;
    C u[B * B], v[B * B], x[B * B];
    cayley_backward_one(OneThread(), n, dr + at, dq + at, q + at, u, v, x);
  }
}

// ---- a block a matrix ----

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

// Calls in_thread with b where a thread can hold the matrix, else in_block.
template <class InThread, class InBlock>
void dispatch_size(int b, InThread in_thread, InBlock in_block) {
  switch (b) {
    case 2:
      return in_thread(std::integral_constant<int, 2>());
    case 4:
      return in_thread(std::integral_constant<int, 4>());
    case 8:
      return in_thread(std::integral_constant<int, 8>());
    default:
      return in_block();
  }
}

}  // namespace

void cayley(View q, ConstView r) {
  const int b = int(r.size(-1));
  const int64_t total = r.numel(), batch = total > 0 ? total / (int64_t(b) * b) : 0;
  dispatch_floating(r.dtype, [&]<class T>() {
    dispatch_size(
        b,
        [&]<int B>(std::integral_constant<int, B>) {
          launch(cayley_threads<B, T>, blocks_for(batch, kBlock), kBlock, 0, stream(), q.as<T>(),
                 r.as<T>(), batch);
        },
        [&] {
          using C = compute_t<T>;
          const BlockWork work(batch, (size_t(b) * b + b) * sizeof(C) + size_t(b) * sizeof(int));
          launch(cayley_blocks<T>, work.blocks(), BlockWork::threads(b), work.shared(), stream(),
                 q.as<T>(), r.as<T>(), batch, b, work.device(), work.bytes());
        });
  });
}

void cayley_backward(View dr, ConstView dq, ConstView q) {
  const int b = int(q.size(-1));
  const int64_t total = q.numel(), batch = total > 0 ? total / (int64_t(b) * b) : 0;
  dispatch_floating(q.dtype, [&]<class T>() {
    dispatch_size(
        b,
        [&]<int B>(std::integral_constant<int, B>) {
          launch(cayley_backward_threads<B, T>, blocks_for(batch, kBlock), kBlock, 0, stream(),
                 dr.as<T>(), dq.as<T>(), q.as<T>(), batch);
        },
        [&] {
          const BlockWork work(batch, 3 * size_t(b) * b * sizeof(compute_t<T>));
          launch(cayley_backward_blocks<T>, work.blocks(), BlockWork::threads(b), work.shared(),
                 stream(), dr.as<T>(), dq.as<T>(), q.as<T>(), batch, b, work.device(),
                 work.bytes());
        });
  });
}

}  // namespace papilio::cuda
