#include "kernels/group_norm.h"

#include <cmath>
#include <cstdint>

#include "kernels/cuda/row.h"
#include "kernels/detail/group_sizes.h"
#include "kernels/functors.h"

namespace papilio::cuda {
namespace {

// The parameters of a layer; null pointers are 1 and 0.
template <class T>
struct Parameters {
  using C = compute_t<T>;
  const T *weights, *biases;
  bool silu;
  __device__ C weight(int64_t c) const { return weights ? C(weights[c]) : C(1); }
  __device__ C bias(int64_t c) const { return biases ? C(biases[c]) : C(0); }
  // d: dy, or what SiLU makes of it, at n = (x - mean) rstd of channel c.
  __device__ C before_silu(C dy, C n, int64_t c) const {
    return silu ? dy * functor::Silu{}.derivative(n * weight(c) + bias(c)) : dy;
  }
};

// A block for each group: its sum, its deviations, its values.
template <class T, class C>
__global__ void normalise_groups(T* y, C* statistics, const T* x, Parameters<T> p, GroupSizes s,
                                 C eps) {
  const int64_t n = s.elements();
  for (int64_t row = blockIdx.x; row < s.B * s.groups; row += gridDim.x) {
    const T* from = x + row * n;
    C sum = 0, squares = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += C(from[i]);
    const C mean = join_block(sum, Plus()) / C(n);
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
      squares += (C(from[i]) - mean) * (C(from[i]) - mean);
    const C rstd = C(1) / std::sqrt(join_block(squares, Plus()) / C(n) + eps);
    if (threadIdx.x == 0) statistics[2 * row] = mean, statistics[2 * row + 1] = rstd;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      const int64_t c = row % s.groups * s.channels + i / s.S;
      const C t = (C(from[i]) - mean) * rstd * p.weight(c) + p.bias(c);
      y[row * n + i] = T(p.silu ? functor::Silu{}.forward(t) : t);
    }
  }
}

// A block for each channel of each image: sums[2 (b C + c)] = sum of d n, beside it sum of d.
template <class T, class C>
__global__ void sum_channels(C* sums, const T* dy, const T* x, const C* statistics, Parameters<T> p,
                             GroupSizes s) {
  for (int64_t bc = blockIdx.x; bc < s.B * s.C; bc += gridDim.x) {
    const int64_t row = bc / s.channels;
    const C mean = statistics[2 * row], rstd = statistics[2 * row + 1];
    C dn = 0, total = 0;
    for (int64_t i = threadIdx.x; i < s.S; i += blockDim.x) {
      const C n = (C(x[bc * s.S + i]) - mean) * rstd;
      const C d = p.before_silu(C(dy[bc * s.S + i]), n, bc % s.C);
      dn += d * n, total += d;
    }
    dn = join_block(dn, Plus());
    total = join_block(total, Plus());
    if (threadIdx.x == 0) sums[2 * bc] = dn, sums[2 * bc + 1] = total;
  }
}

// A block for each group: means[2 row] = mean(g n), beside it mean(g), g = d weight.
template <class T, class C>
__global__ void mean_groups(C* means, const C* sums, Parameters<T> p, GroupSizes s) {
  for (int64_t row = blockIdx.x; row < s.B * s.groups; row += gridDim.x) {
    C gn = 0, g = 0;
    for (int64_t c = threadIdx.x; c < s.channels; c += blockDim.x) {
      const C w = p.weight(row % s.groups * s.channels + c);
      gn += w * sums[2 * (row * s.channels + c)];
      g += w * sums[2 * (row * s.channels + c) + 1];
    }
    gn = join_block(gn, Plus());
    g = join_block(g, Plus());
    if (threadIdx.x == 0)
      means[2 * row] = gn / C(s.elements()), means[2 * row + 1] = g / C(s.elements());
  }
}

// A thread for each element.
template <class T, class C>
__global__ void input_gradient(T* dx, const T* dy, const T* x, const C* statistics, const C* means,
                               Parameters<T> p, GroupSizes s) {
  for (int64_t e = first_element(); e < s.B * s.C * s.S; e += grid_stride()) {
    const int64_t c = e / s.S % s.C, row = e / s.elements();
    const C rstd = statistics[2 * row + 1], n = (C(x[e]) - statistics[2 * row]) * rstd;
    const C g = p.before_silu(C(dy[e]), n, c) * p.weight(c);
    dx[e] = T(rstd * (g - means[2 * row + 1] - n * means[2 * row]));
  }
}

// A thread for each channel, which adds the images in order.
template <class T, class C>
__global__ void add_images(T* dweight, T* dbias, const C* sums, GroupSizes s) {
  for (int64_t c = first_element(); c < s.C; c += grid_stride()) {
    C dw = 0, db = 0;
    for (int64_t b = 0; b < s.B; ++b)
      dw += sums[2 * (b * s.C + c)], db += sums[2 * (b * s.C + c) + 1];
    if (dweight != nullptr) dweight[c] = T(dw);
    if (dbias != nullptr) dbias[c] = T(db);
  }
}

}  // namespace

void group_norm(const GroupNorm& args) {
  const GroupSizes s(args.x, args.groups);
  dispatch_floating(args.x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Parameters<T> p{args.weight.as<T>(), args.bias.as<T>(), args.silu};
    launch(normalise_groups<T, C>, blocks_for(s.B * s.groups, 1), row_block(s.elements()), 0,
           stream(), args.y.as<T>(), args.statistics.as<C>(), args.x.as<T>(), p, s, C(args.eps));
  });
}

void group_norm_backward(const GroupNormBackward& args) {
  const GroupSizes s(args.x, args.groups);
  dispatch_floating(args.x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Parameters<T> p{args.weight.as<T>(), args.bias.as<T>(), args.silu};
    const Scratch<C> sums(2 * s.B * s.C), means(2 * s.B * s.groups);
    launch(sum_channels<T, C>, blocks_for(s.B * s.C, 1), row_block(s.S), 0, stream(), sums.data(),
           args.dy.as<T>(), args.x.as<T>(), args.statistics.as<C>(), p, s);
    if (args.dx.data) {
      launch(mean_groups<T, C>, blocks_for(s.B * s.groups, 1), row_block(s.channels), 0, stream(),
             means.data(), sums.data(), p, s);
      launch(input_gradient<T, C>, blocks_for(s.B * s.C * s.S), kBlock, 0, stream(),
             args.dx.as<T>(), args.dy.as<T>(), args.x.as<T>(), args.statistics.as<C>(),
             means.data(), p, s);
    }
    if (args.dweight.data || args.dbias.data)
      launch(add_images<T, C>, blocks_for(s.C), kBlock, 0, stream(), args.dweight.as<T>(),
             args.dbias.as<T>(), sums.data(), s);
  });
}

}  // namespace papilio::cuda
