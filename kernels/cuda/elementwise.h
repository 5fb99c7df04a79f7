// The kernel behind kernels/elementwise.h: one element a thread, whatever the function. Each
// functor is compiled in arithmetic.cu, math.cu, extrema.cu, activation.cu or compare.cu.
#pragma once

#include "kernels/cuda/launch.h"
#include "kernels/cuda/strided.h"
#include "kernels/elementwise.h"

namespace papilio::cuda {

template <class T, int N>
struct Inputs {
  const T* data[N];
};

// out[i] = g(in[0][i], in[1][i], ...), computed in compute_t<T>.
template <class R, class T, int N, class G>
__global__ void elements(R* out, Inputs<T, N> in, Strided<N> where, int64_t n, G g) {
  for (int64_t i = first_element(); i < n; i += grid_stride()) {
    int64_t at[N];
    where.locate(i, at);
    compute_t<T> v[N];
    for (int k = 0; k < N; ++k) v[k] = compute_t<T>(in.data[k][at[k]]);
    out[i] = R(g(v));
  }
}

template <class R, class T, class G, class... In>
void for_each_element(View out, G g, const In&... in) {
  const int64_t n = out.numel();
  launch(elements<R, T, int(sizeof...(In)), G>, blocks_for(n), kBlock, 0, stream(),
         out.template as<R>(), Inputs<T, int(sizeof...(In))>{{in.template as<T>()...}},
         Strided<int(sizeof...(In))>(in...), n, g);
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
