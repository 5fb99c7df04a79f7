#include "kernels/index.h"

#include <atomic>
#include <bit>
#include <cstdint>

#include "kernels/cuda/row.h"
#include "kernels/cuda/synchronous.h"
#include "kernels/detail/dispatch_by_size.h"

namespace papilio::cuda {
namespace {

// first[block] = the first position outside, `k` if there is none.
__global__ void find_outside(int64_t* first, const int64_t* index, int64_t k, int64_t n,
                             bool allows, int64_t allowed) {
  int64_t found = k;
  for (int64_t j = first_element(); j < k && found == k; j += grid_stride())
    if ((index[j] < 0 || index[j] >= n) && !(allows && index[j] == allowed)) found = j;
  found = join_block(found, Smaller());
  if (threadIdx.x == 0) first[blockIdx.x] = found;
}
// One block.
__global__ void find_first(int64_t* first, int64_t count) {
  int64_t found = first[0];
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) found = Smaller()(found, first[i]);
  found = join_block(found, Smaller());
  if (threadIdx.x == 0) first[0] = found;
}

std::atomic<bool>& checks() {
  static std::atomic<bool> on = synchronous();
  return on;
}

__device__ bool inside(int64_t index, int64_t n) {
  return index >= 0 && index < n;
}

// Elements are only moved: T is an unsigned type of their size, in which ~0 is NaN or -1. A thread
// for each element of y.
template <class T>
__global__ void select_elements(T* y, const T* x, const int64_t* index, int64_t outer, int64_t n,
                                int64_t k, int64_t inner) {
  for (int64_t e = first_element(); e < outer * k * inner; e += grid_stride()) {
    const int64_t row = e / inner, c = e % inner, i = index[row % k];
    y[e] = inside(i, n) ? x[(row / k * n + i) * inner + c] : T(~T(0));
  }
}

template <class T>
__global__ void gather_elements(T* y, const T* x, const int64_t* index, int64_t outer, int64_t n,
                                int64_t k, int64_t inner) {
  for (int64_t e = first_element(); e < outer * k * inner; e += grid_stride()) {
    const int64_t i = index[e];
    y[e] = inside(i, n) ? x[(e / (k * inner) * n + i) * inner + e % inner] : T(~T(0));
  }
}

// Bitonic sort (Batcher: "Sorting networks and their applications", 1968) of keys that are all
// different: their order is the only right one. `size` is a power of two. Indices outside come
// last.
constexpr int kTile = 512;  // keys that a block sorts in shared memory

__global__ void make_keys(int64_t* keys, const int64_t* index, int64_t k, int64_t n, int64_t size) {
  for (int64_t j = first_element(); j < size; j += grid_stride())
    keys[j] = j < k && inside(index[j], n) ? index[j] * k + j : INT64_MAX;
}

// The p-th of the size / 2 pairs that a step compares: runs of `width` keys become sorted, upwards
// and downwards in turn. `begin` is where the keys lie among all.
__device__ void compare_pair(int64_t* keys, int64_t p, int64_t begin, int64_t width,
                             int64_t distance) {
  const int64_t i = 2 * p - p % distance;
  const bool up = ((begin + i) & width) == 0;
  const int64_t a = keys[i], b = keys[i + distance];
  if ((a > b) == up) keys[i] = b, keys[i + distance] = a;
}

// The steps of widths from `first` to `last` whose pairs lie within a tile.
__global__ void sort_tiles(int64_t* keys, int64_t size, int64_t first, int64_t last) {
  SHARED(int64_t, tile, kTile);
  for (int64_t begin = int64_t(blockIdx.x) * kTile; begin < size; begin += gridDim.x * kTile) {
    for (int i = int(threadIdx.x); i < kTile; i += int(blockDim.x)) tile[i] = keys[begin + i];
    for (int64_t width = first; width <= last; width *= 2)
      for (int64_t distance = (width < kTile ? width : kTile) / 2; distance > 0; distance /= 2) {
        __syncthreads();
        for (int p = int(threadIdx.x); p < kTile / 2; p += int(blockDim.x))
          compare_pair(tile, p, begin, width, distance);
      }
    __syncthreads();
    for (int i = int(threadIdx.x); i < kTile; i += int(blockDim.x)) keys[begin + i] = tile[i];
  }
}

__global__ void sort_step(int64_t* keys, int64_t size, int64_t width, int64_t distance) {
  for (int64_t p = first_element(); p < size / 2; p += grid_stride())
    compare_pair(keys, p, 0, width, distance);
}

void sort(int64_t* keys, int64_t size) {
  const unsigned tiles = blocks_for(size, kTile), pairs = blocks_for(size / 2);
  launch(sort_tiles, tiles, kBlock, 0, stream(), keys, size, 2, kTile);
  for (int64_t width = 2 * kTile; width <= size; width *= 2) {
    for (int64_t distance = width / 2; distance >= kTile; distance /= 2)
      launch(sort_step, pairs, kBlock, 0, stream(), keys, size, width, distance);
    launch(sort_tiles, tiles, kBlock, 0, stream(), keys, size, width, width);
  }
}

// first[i]: how many of the k keys are smaller than i k, so that i's are keys[first[i]] ...
// keys[first[i + 1] - 1].
__global__ void find_destinations(int64_t* first, const int64_t* keys, int64_t k, int64_t n) {
  for (int64_t i = first_element(); i <= n; i += grid_stride()) {
    int64_t low = 0, high = k;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (keys[middle] < i * k)
        low = middle + 1;
      else
        high = middle;
    }
    first[i] = low;
  }
}

// A thread for each element of dx: it adds up the positions of its destination in their order.
template <class T>
__global__ void add_selected(T* dx, const T* dy, const int64_t* first, const int64_t* keys,
                             int64_t outer, int64_t n, int64_t k, int64_t inner, int64_t skip) {
  for (int64_t e = first_element(); e < outer * n * inner; e += grid_stride()) {
    const int64_t row = e / inner, c = e % inner, o = row / n, i = row % n;
    compute_t<T> sum = 0;
    const int64_t end = i == skip ? 0 : first[i + 1];
    for (int64_t s = first[i]; s < end; ++s)
      sum += compute_t<T>(dy[(o * k + keys[s] - i * k) * inner + c]);
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
      if (inside(index[e], n)) sums[index[e] * inner] += A(dy[e]);
    }
  }
}

}  // namespace

void check_indices(bool on) {
  checks() = on;
}

int64_t first_outside(ConstView index, int64_t n, std::optional<int64_t> allowed) {
  const int64_t k = index.numel();
  if (k == 0 || !checks()) return -1;
  const unsigned blocks = blocks_for(k);
  const Scratch<int64_t> first(blocks);
  launch(find_outside, blocks, kBlock, 0, stream(), first.data(), index.as<int64_t>(), k, n,
         allowed.has_value(), allowed.value_or(0));
  launch(find_first, 1, kBlock, 0, stream(), first.data(), int64_t(blocks));
  int64_t found = 0;
  copy_to_host(&found, first.data(), sizeof(found), device_in_use());
  return found < k ? found : -1;
}

void index_select(View y, ConstView x, ConstView index) {
  const int64_t outer = x.shape[0], n = x.shape[1], inner = x.shape[2], k = index.shape[0];
  dispatch_by_size(x.dtype, [&]<class T>() {
    launch(select_elements<T>, blocks_for(outer * k * inner), kBlock, 0, stream(), y.as<T>(),
           x.as<T>(), index.as<int64_t>(), outer, n, k, inner);
  });
}

void index_select_backward(View dx, ConstView dy, ConstView index, int64_t skip) {
  const int64_t outer = dx.shape[0], n = dx.shape[1], inner = dx.shape[2], k = index.shape[0];
  // Positions by destination, and where each destination's begin.
  const auto size = int64_t(std::bit_ceil(uint64_t(k < kTile ? kTile : k)));
  const Scratch<int64_t> keys(size), first(n + 1);
  launch(make_keys, blocks_for(size), kBlock, 0, stream(), keys.data(), index.as<int64_t>(), k, n,
         size);
  sort(keys.data(), size);
  launch(find_destinations, blocks_for(n + 1), kBlock, 0, stream(), first.data(),
         static_cast<const int64_t*>(keys.data()), k, n);
  dispatch_floating(dx.dtype, [&]<class T>() {
    launch(add_selected<T>, blocks_for(outer * n * inner), kBlock, 0, stream(), dx.as<T>(),
           dy.as<T>(), first.data(), keys.data(), outer, n, k, inner, skip);
  });
}

void gather(View y, ConstView x, ConstView index) {
  const int64_t outer = x.shape[0], n = x.shape[1], inner = x.shape[2], k = y.shape[1];
  dispatch_by_size(x.dtype, [&]<class T>() {
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
