#include "kernels/mse_loss.h"

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/row.h"

namespace papilio::cuda {
namespace {

constexpr int64_t kPart = 8192;  // elements that a block adds up; a multiple of kBlock kPack<T>

struct SquaredError {
  template <class C>
  __device__ C operator()(const C (&v)[2]) const {
    return (v[0] - v[1]) * (v[0] - v[1]);
  }
};

// factor dy (x - target); dy for all, or v[2] for each.
template <class T>
struct OneGradient {
  const T* dy;
  compute_t<T> factor;
  __device__ compute_t<T> operator()(const compute_t<T> (&v)[2]) const {
    return factor * compute_t<T>(*dy) * (v[0] - v[1]);
  }
};
template <class C>
struct EachGradient {
  C factor;
  __device__ C operator()(const C (&v)[3]) const { return factor * v[2] * (v[0] - v[1]); }
};

// sums[p] = sum of part p, of parts of kPart elements.
template <class T, class C>
__global__ void add_parts_of_errors(C* sums, const T* x, const T* target, int64_t n, int64_t parts,
                                    bool packed) {
  constexpr int P = kPack<T>;
  const SquaredError error;
  for (int64_t p = blockIdx.x; p < parts; p += gridDim.x) {
    const int64_t begin = p * kPart, end = begin + kPart < n ? begin + kPart : n;
    const int64_t whole = packed ? begin + (end - begin) / P * P : begin;
    C sum = 0;
    for (int64_t i = begin + int64_t(threadIdx.x) * P; i < whole; i += int64_t(blockDim.x) * P) {
      const Pack<T, P> a = load_pack<P>(x + i), b = load_pack<P>(target + i);
#pragma unroll
      for (int e = 0; e < P; ++e) {
        const C v[2] = {C(a.at[e]), C(b.at[e])};
        sum += error(v);
      }
    }
    for (int64_t i = whole + threadIdx.x; i < end; i += blockDim.x) {
      const C v[2] = {C(x[i]), C(target[i])};
      sum += error(v);
    }
    sum = join_block(sum, Plus());
    if (threadIdx.x == 0) sums[p] = sum;
  }
}

// One block.
template <class T, class C>
__global__ void add_sums(T* total, const C* sums, int64_t parts, C factor) {
  C sum = 0;
  for (int64_t p = threadIdx.x; p < parts; p += blockDim.x) sum += sums[p];
  sum = join_block(sum, Plus());
  if (threadIdx.x == 0) *total = T(sum * factor);
}

}  // namespace

void squared_errors(View y, ConstView x, ConstView target) {
  dispatch_floating(x.dtype,
                    [&]<class T>() { for_each_element<T, T>(y, SquaredError(), x, target); });
}

void mse_loss(View total, ConstView x, ConstView target, double factor) {
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const int64_t n = x.numel(), parts = (n + kPart - 1) / kPart;
    const Scratch<C> sums(parts);
    launch(add_parts_of_errors<T, C>, blocks_for(parts, 1), kBlock, 0, stream(), sums.data(),
           x.as<T>(), target.as<T>(), n, parts, on_16_bytes(x.data, target.data));
    launch(add_sums<T, C>, 1, row_block(parts), 0, stream(), total.as<T>(),
           static_cast<const C*>(sums.data()), parts, C(factor));
  });
}

void mse_loss_backward(const MseLossBackward& args) {
  dispatch_floating(args.x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const auto write = [&](const View& to, C factor) {
      if (!to.data) return;
      if (args.dy.numel() == 1)
        for_each_element<T, T>(to, OneGradient<T>{args.dy.as<T>(), factor}, args.x, args.target);
      else
        for_each_element<T, T>(to, EachGradient<C>{factor}, args.x, args.target, args.dy);
    };
    write(args.dx, C(2 * args.factor));
    write(args.dtarget, C(-2 * args.factor));
  });
}

}  // namespace papilio::cuda
