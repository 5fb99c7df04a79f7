// Narrow segments are rotated in registers (butterfly_segments.h), those of 16, 32 and 64 columns
// on tensor cores (butterfly_mma.h) in the dtypes that have them. Otherwise a tile of rows times
// whole segments is read into shared memory once, meets all m factors there, and is written once.
// Segments too wide for that, and the walk back through the factors, go factor by factor through
// device memory. samples/kernels shows the way here.
#include "kernels/butterfly_rotation.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/cuda/butterfly_mma.h"
#include "kernels/cuda/butterfly_segments.h"
#include "kernels/detail/butterfly_blocks.h"
#include "kernels/segment_outer.h"

namespace papilio::cuda {
namespace {

// ---- all factors in one pass ----

constexpr size_t kTileBytes = 20 << 10;  // of one tile; two fit into a block's shared memory

// What a block takes at once: `rows` rows of `span` columns, in whole packs if `packed`.
struct Tile {
  int64_t rows, span;
  bool packed = false;
  Tile(const ButterflySizes& s, size_t element) {
    const auto most = int64_t(kTileBytes / element);
    span = s.w * (s.w < 64 ? 64 / s.w : 1);
    if (span > s.d) span = s.d;
    rows = span > 0 ? most / span : 0;
    if (rows > 64) rows = 64;
    if (rows > s.rows) rows = s.rows;
  }
};

// f(row, first column) for the block's share of a tile's pieces of N columns.
template <int N, class F>
__device__ void for_pieces(int rows, int columns, F f) {
  const int pieces = columns / N;
  for (int e = int(threadIdx.x); e < rows * pieces; e += int(blockDim.x))
    f(e / pieces, e % pieces * N);
}

// from: of rows `stride` apart.
template <int N, class C, class T>
__device__ void read_tile(C* tile, const T* from, int64_t stride, int rows, int columns) {
  for_pieces<N>(rows, columns, [&](int r, int c) {
    const auto pack = load_pack<N>(from + r * stride + c);
#pragma unroll
    for (int k = 0; k < N; ++k) tile[r * columns + c + k] = C(pack.at[k]);
  });
}
template <int N, class C, class T>
__device__ void write_tile(T* to, const C* tile, int64_t stride, int rows, int columns) {
  for_pieces<N>(rows, columns, [&](int r, int c) {
    Pack<T, N> pack;
#pragma unroll
    for (int k = 0; k < N; ++k) pack.at[k] = T(tile[r * columns + c + k]);
    store_pack(to + r * stride + c, pack);
  });
}

// One factor on a tile in place: a thread keeps one block's Q in registers and takes every
// `teams`-th row.
template <int B, class C, class T>
__device__ void rotate_in_place(C* tile, const T* q, int i, int rows, int columns,
                                bool transposed) {
  const int blocks = columns / B, threads = int(blockDim.x);
  const int teams = threads > blocks ? threads / blocks : 1;
  for (int t = int(threadIdx.x); t < blocks * teams; t += threads) {
    const int n = t % blocks;
    const Halves<int> at(n, i, B);
    C Q[B][B], v[B];
#pragma unroll
    for (int k = 0; k < B; ++k)
#pragma unroll
      for (int j = 0; j < B; ++j) Q[k][j] = C(q[n * B * B + (transposed ? j * B + k : k * B + j)]);
    for (int r = t / blocks; r < rows; r += teams) {
      C* row = tile + r * columns;
#pragma unroll
      for (int k = 0; k < B; ++k) v[k] = row[at.column(k)];
#pragma unroll
      for (int j = 0; j < B; ++j) {
        C sum = v[0] * Q[0][j];
#pragma unroll
        for (int k = 1; k < B; ++k) sum += v[k] * Q[k][j];
        row[at.column(j)] = sum;
      }
    }
  }
}

// B = 0: any b, from one tile into the other.
template <int B, class T>
__global__ void rotate_tiles(T* y, const T* x, const T* q, ButterflySizes s, Tile t,
                             bool transposed) {
  using C = compute_t<T>;
  DYNAMIC_SHARED(C, shared);
  const int64_t spans = (s.d + t.span - 1) / t.span;
  const int64_t tasks = (s.rows + t.rows - 1) / t.rows * spans;
  for (int64_t task = blockIdx.x; task < tasks; task += gridDim.x) {
    const int64_t r0 = task / spans * t.rows, c0 = task % spans * t.span, at = r0 * s.d + c0;
    const int rows = int(s.rows - r0 < t.rows ? s.rows - r0 : t.rows);
    const int columns = int(s.d - c0 < t.span ? s.d - c0 : t.span), b = int(s.b), m = int(s.m);
    C *tile = shared, *next = shared + t.rows * t.span;
    if (t.packed)
      read_tile<kPack<T>>(tile, x + at, s.d, rows, columns);
    else
      read_tile<1>(tile, x + at, s.d, rows, columns);
    __syncthreads();
    for (int step = 0; step < m; ++step) {
      // x R meets the last factor first, x R^T the first.
      const int i = transposed ? step : m - 1 - step;
      const T* blocks = q + i * s.factor_size() + c0 * s.b;
      if constexpr (B > 0) {
        rotate_in_place<B>(tile, blocks, i, rows, columns, transposed);
      } else {
        for_pieces<1>(rows, columns, [&](int r, int c) {
          const Place<int> to(c, i, b);
          next[r * columns + c] = rotated<C>(tile + r * columns, blocks + int64_t(to.n) * b * b,
                                             Halves<int>(to.n, i, b), to.j, b, transposed);
        });
        C* const kept = tile;
        tile = next;
        next = kept;
      }
      __syncthreads();
    }
    if (t.packed)
      write_tile<kPack<T>>(y + at, tile, s.d, rows, columns);
    else
      write_tile<1>(y + at, tile, s.d, rows, columns);
    __syncthreads();
  }
}

// ---- factor by factor, through device memory ----

// to = from B_i, or from B_i^T. q: factor i's blocks.
template <class Out, class In, class T>
__global__ void rotate_factor(Out* to, const In* from, const T* q, ButterflySizes s, int64_t i,
                              bool transposed) {
  using C = compute_t<T>;
  for (int64_t e = first_element(); e < s.rows * s.d; e += grid_stride()) {
    const Place<int64_t> at(e % s.d, i, s.b);
    to[e] = Out(rotated<C>(from + e / s.d * s.d, q + at.n * s.b * s.b,
                           Halves<int64_t>(at.n, i, s.b), at.j, s.b, transposed));
  }
}

template <class To, class From>
__global__ void convert(To* to, const From* from, int64_t n) {
  for (int64_t e = first_element(); e < n; e += grid_stride()) to[e] = To(from[e]);
}

// Factor i's gradient: entry (n, k, j) over one part of the rows is the sum of z[k]
// g[j]. partial: (parts, N b b).
template <class C>
__global__ void outer_parts(C* partial, const C* z, const C* g, ButterflySizes s, int64_t i,
                            int64_t parts) {
  const int64_t entries = s.factor_size();
  for (int64_t t = first_element(); t < parts * entries; t += grid_stride()) {
    const int64_t part = t / entries, e = t % entries, end = s.rows * (part + 1) / parts;
    const Halves<int64_t> at(e / (s.b * s.b), i, s.b);
    const int64_t k = at.column(e / s.b % s.b), j = at.column(e % s.b);
    C sum = 0;
    for (int64_t r = s.rows * part / parts; r < end; ++r) sum += z[r * s.d + k] * g[r * s.d + j];
    partial[t] = sum;
  }
}

// The inputs of every factor are computed again from x, z_{i-1} = z_i B_i; then the gradient meets
// B_i^T, first factor 0's. dx and dq may be null.
template <class T, class In>
void walk(T* dx, T* dq, const In* dy, const In* x, const T* q, const ButterflySizes& s) {
  using C = compute_t<T>;
  const int64_t n = s.rows * s.d, entries = s.blocks * s.b * s.b;
  const int64_t parts = part_count(s.rows, 64);
  const unsigned blocks = blocks_for(n);
  const Scratch<C> inputs(s.m * n), gradients(2 * n), partial(parts * entries);
  const auto z = [&](int64_t i) { return inputs.data() + i * n; };
  C *g = gradients.data(), *next = g + n;
  launch(convert<C, In>, blocks, kBlock, 0, stream(), z(s.m - 1), x, n);
  for (int64_t i = s.m - 1; i > 0; --i)
    launch(rotate_factor<C, C, T>, blocks, kBlock, 0, stream(), z(i - 1),
           static_cast<const C*>(z(i)), q + i * entries, s, i, false);
  launch(convert<C, In>, blocks, kBlock, 0, stream(), g, dy, n);
  for (int64_t i = 0; i < s.m; ++i) {
    if (dq != nullptr) {
      launch(outer_parts<C>, blocks_for(parts * entries), kBlock, 0, stream(), partial.data(),
             static_cast<const C*>(z(i)), static_cast<const C*>(g), s, i, parts);
      add_parts(dq + i * entries, partial.data(), entries, parts);
    }
    launch(rotate_factor<C, C, T>, blocks, kBlock, 0, stream(), next, static_cast<const C*>(g),
           q + i * entries, s, i, true);
    std::swap(g, next);
  }
  if (dx != nullptr)
    launch(convert<T, C>, blocks, kBlock, 0, stream(), dx, static_cast<const C*>(g), n);
}

template <class T>
void rotate_by_factors(T* y, const T* x, const T* q, const ButterflySizes& s, bool transposed) {
  using C = compute_t<T>;
  const int64_t n = s.rows * s.d, entries = s.blocks * s.b * s.b;
  const unsigned blocks = blocks_for(n);
  const Scratch<C> both(2 * n);
  C *from = both.data(), *to = from + n;
  launch(convert<C, T>, blocks, kBlock, 0, stream(), from, x, n);
  for (int64_t step = 0; step < s.m; ++step) {
    const int64_t i = transposed ? step : s.m - 1 - step;
    launch(rotate_factor<C, C, T>, blocks, kBlock, 0, stream(), to, static_cast<const C*>(from),
           q + i * entries, s, i, transposed);
    std::swap(from, to);
  }
  launch(convert<T, C>, blocks, kBlock, 0, stream(), y, static_cast<const C*>(from), n);
}

// Row k of the identity's segments: 1 in column c if c % w = k.
template <class C>
__global__ void identity_rows(C* rows, int64_t w, int64_t d) {
  for (int64_t e = first_element(); e < w * d; e += grid_stride())
    rows[e] = e % d % w == e / d ? C(1) : C(0);
}

// m = 1: dq[n, k, j] = dr[k, n b + j].
template <class T>
__global__ void segments_are_blocks(T* dq, const compute_t<T>* dr, ButterflySizes s) {
  for (int64_t e = first_element(); e < s.d * s.b; e += grid_stride()) {
    const int64_t n = e / (s.b * s.b), k = e / s.b % s.b, j = e % s.b;
    dq[e] = T(dr[k * s.d + n * s.b + j]);
  }
}

}  // namespace

void butterfly_rotation(View y, ConstView x, ConstView q, bool transposed) {
  const ButterflySizes s(x.size(0), q);
  if (x.numel() == 0) return;
  // Collapsing segments is to rotate w rows, the plain way.
  if ((s.m == 1 || s.rows > 2 * s.w) && rotate_on_tensor_cores(y, x, q, transposed)) return;
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    if (rotate_in_registers(y.as<T>(), x.as<T>(), q.as<T>(), s, transposed)) return;
    Tile t(s, sizeof(C));
    t.packed = s.d % kPack<T> == 0 && t.span % kPack<T> == 0 && on_16_bytes(y.data, x.data);
    if (t.rows == 0) return rotate_by_factors(y.as<T>(), x.as<T>(), q.as<T>(), s, transposed);
    const int64_t tasks = (s.rows + t.rows - 1) / t.rows * ((s.d + t.span - 1) / t.span);
    const size_t bytes = size_t(t.rows * t.span) * sizeof(C);
    const auto run = [&](auto kernel, size_t tiles) {
      launch(kernel, blocks_for(tasks, 1), kBlock, tiles * bytes, stream(), y.as<T>(), x.as<T>(),
             q.as<T>(), s, t, transposed);
    };
    if (s.b == 4)
      run(rotate_tiles<4, T>, 1);
    else if (s.b == 8)
      run(rotate_tiles<8, T>, 1);
    else
      run(rotate_tiles<0, T>, 2);
  });
}

void butterfly_segment_backward(View dq, ConstView dr, ConstView q) {
  const ButterflySizes s(dr.size(0), q);
  dispatch_floating(q.dtype, [&]<class T>() {
    using C = compute_t<T>;
    if (s.m == 1) {
      launch(segments_are_blocks<T>, blocks_for(s.d * s.b), kBlock, 0, stream(), dq.as<T>(),
             dr.as<C>(), s);
      return;
    }
    // R's segments are the identity's rows rotated, so walk back from there.
    const Scratch<C> identity(s.w * s.d);
    launch(identity_rows<C>, blocks_for(s.w * s.d), kBlock, 0, stream(), identity.data(), s.w, s.d);
    walk(static_cast<T*>(nullptr), dq.as<T>(), dr.as<C>(), static_cast<const C*>(identity.data()),
         q.as<T>(), s);
  });
}

void butterfly_rotation_backward(View dx, View dq, ConstView dy, ConstView x, ConstView q) {
  if (dq.data == nullptr) return butterfly_rotation(dx, dy, q, true);
  const ButterflySizes s(x.size(0), q);
  dispatch_floating(q.dtype, [&]<class T>() {
    using C = compute_t<T>;
    if (!prefer_segments(s.rows, s.b, s.m))
      return walk(dx.as<T>(), dq.as<T>(), dy.as<T>(), x.as<T>(), q.as<T>(), s);
    const Scratch<C> sums(s.w * s.d);
    const View dr{sums.data(), dtype_of<C>(), 2, {s.w, s.d}, {s.d, 1}};
    if (!backward_in_registers(dx.as<T>(), sums.data(), dy.as<T>(), x.as<T>(), q.as<T>(), s)) {
      if (dx.data != nullptr) butterfly_rotation(dx, dy, q, true);
      segment_outer(dr, x, dy);
    }
    butterfly_segment_backward(dq, dr, q);
  });
}

}  // namespace papilio::cuda
