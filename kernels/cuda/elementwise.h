// The kernel behind kernels/elementwise.h: one element a thread, whatever the function. Each
// functor is compiled in arithmetic.cu, math.cu, extrema.cu, activation.cu or compare.cu.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/strided.h"
#include "kernels/elementwise.h"

namespace papilio::cuda {

template <class T, int N>
struct Inputs {
  const T* data[N];
};

// out[i] = g(in[0][i], in[1][i], ...), computed in compute_t<T>. The first `packed` elements, a
// multiple of kPack<T>, lie one after another in every operand.
template <class R, class T, int N, class G>
__global__ void elements(R* out, Inputs<T, N> in, Strided<N> where, int64_t packed, int64_t n,
                         G g) {
  constexpr int P = kPack<T>;
  for (int64_t i = first_element() * P; i < packed; i += grid_stride() * P) {
    Pack<T, P> x[N];
    Pack<R, P> y;
#pragma unroll
    for (int k = 0; k < N; ++k) x[k] = load_pack<P>(in.data[k] + i);
#pragma unroll
    for (int e = 0; e < P; ++e) {
      compute_t<T> v[N];
#pragma unroll
      for (int k = 0; k < N; ++k) v[k] = compute_t<T>(x[k].at[e]);
      y.at[e] = R(g(v));
    }
    store_pack(out + i, y);
  }
  for (int64_t i = packed + first_element(); i < n; i += grid_stride()) {
    int64_t at[N];
    where.locate(i, at);
    compute_t<T> v[N];
    for (int k = 0; k < N; ++k) v[k] = compute_t<T>(in.data[k][at[k]]);
    out[i] = R(g(v));
  }
}

template <class R, class T, class G, class... In>
void for_each_element(View out, G g, const In&... in) {
  constexpr int N = int(sizeof...(In));
  const int64_t n = out.numel();
  const Strided<N> where(in...);
  bool dense = where.rows.rank == 1 && on_16_bytes(out.data, in.data...);
  for (int k = 0; k < N; ++k) dense &= where.rows.step(k) == 1;
  const int64_t packed = dense ? n / kPack<T> * kPack<T> : 0;
  const int64_t work = std::max(packed / kPack<T>, n - packed);
  launch(elements<R, T, N, G>, blocks_for(work), kBlock, 0, stream(), out.template as<R>(),
         Inputs<T, N>{{in.template as<T>()...}}, where, packed, n, g);
}

// What g is: v holds the inputs in the order of the functions below.
template <class F>
struct Forward {
  F f;
  template <class C>
  __device__ auto operator()(const C (&v)[1]) const {
    return f.forward(v[0]);
  }
  template <class C>
  __device__ auto operator()(const C (&v)[2]) const {
    return f.forward(v[0], v[1]);
  }
};
template <class F>
struct Backward {
  F f;
  template <class C>
  __device__ C operator()(const C (&v)[2]) const {
    return v[0] * f.derivative(v[1]);
  }
};
template <class F>
struct BackwardA {
  F f;
  template <class C>
  __device__ C operator()(const C (&v)[3]) const {
    return v[0] * f.derivative_a(v[1], v[2]);
  }
};
template <class F>
struct BackwardB {
  F f;
  template <class C>
  __device__ C operator()(const C (&v)[3]) const {
    return v[0] * f.derivative_b(v[1], v[2]);
  }
};

template <class F>
void map(View y, ConstView x, F f) {
  dispatch_domain<F>(x.dtype, [&]<class T>() { for_each_element<T, T>(y, Forward<F>{f}, x); });
}

template <class F>
void map_backward(View dx, ConstView dy, ConstView v, F f) {
  dispatch_floating(dx.dtype,
                    [&]<class T>() { for_each_element<T, T>(dx, Backward<F>{f}, dy, v); });
}

template <class F>
void zip(View y, ConstView a, ConstView b, F f) {
  dispatch_domain<F>(a.dtype, [&]<class T>() {
    constexpr bool compares = F::kDomain == Domain::any;
    using R = std::conditional_t<compares, bool, T>;
    for_each_element<R, T>(y, Forward<F>{f}, a, b);
  });
}

template <class F>
void zip_backward_a(View da, ConstView dy, ConstView a, ConstView b, F f) {
  dispatch_floating(da.dtype,
                    [&]<class T>() { for_each_element<T, T>(da, BackwardA<F>{f}, dy, a, b); });
}

template <class F>
void zip_backward_b(View db, ConstView dy, ConstView a, ConstView b, F f) {
  dispatch_floating(db.dtype,
                    [&]<class T>() { for_each_element<T, T>(db, BackwardB<F>{f}, dy, a, b); });
}

}  // namespace papilio::cuda
