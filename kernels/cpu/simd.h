// One vector register of floats or doubles, in the widest form this build has, through the
// compilers' vector types.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace papilio::cpu {

#if defined(__AVX512F__)
constexpr int kSimdBytes = 64;
constexpr int kSimdRegisters = 32;
#elif defined(__AVX__)
constexpr int kSimdBytes = 32;
constexpr int kSimdRegisters = 16;
#else
constexpr int kSimdBytes = 16;
constexpr int kSimdRegisters = 16;
#endif

template <class C>
struct SimdOf;
template <>
struct SimdOf<float> {
  typedef float type __attribute__((vector_size(kSimdBytes)));
};
template <>
struct SimdOf<double> {
  typedef double type __attribute__((vector_size(kSimdBytes)));
};

template <class C>
using Simd = typename SimdOf<C>::type;
template <class C>
constexpr int kSimdLanes = kSimdBytes / int(sizeof(C));

template <class C>
constexpr int64_t round_up_to_lanes(int64_t n) {
  return (n + kSimdLanes<C> - 1) / kSimdLanes<C> * kSimdLanes<C>;
}

template <class C>
inline Simd<C> load(const C* p) {
  Simd<C> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class C>
inline void store(C* p, Simd<C> v) {
  std::memcpy(p, &v, sizeof v);
}
template <class C>
inline Simd<C> splat(C x) {
  return x - Simd<C>{};
}

namespace detail {
template <int n, class V, class F, int... i>
inline auto fold(V v, F f, std::integer_sequence<int, i...>) {
  if constexpr (n == 1) {
    return v[0];
  } else {
    const auto half =
        f(__builtin_shufflevector(v, v, i...), __builtin_shufflevector(v, v, i + n / 2 ...));
    return fold<n / 2>(half, f, std::make_integer_sequence<int, (n > 2 ? n / 4 : 1)>{});
  }
}
}  // namespace detail

// Sum and maximum of all lanes, by halves.
template <class C>
inline C reduce_add(Simd<C> v) {
  return detail::fold<kSimdLanes<C>>(
      v, [](auto a, auto b) { return a + b; },
      std::make_integer_sequence<int, kSimdLanes<C> / 2>{});
}
template <class C>
inline C reduce_max(Simd<C> v) {
  return detail::fold<kSimdLanes<C>>(
      v, [](auto a, auto b) { return a > b ? a : b; },
      std::make_integer_sequence<int, kSimdLanes<C> / 2>{});
}

}  // namespace papilio::cpu
