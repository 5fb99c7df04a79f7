// exp, log, tanh, erf and sigmoid that loops can vectorise.
//
// For float they are branch-free polynomials, within 2 ulp (exp, log: about 1), right at
// infinities, NaN, overflow and in the subnormal range; the coefficients interpolate at Chebyshev
// nodes. For double they are the standard library's.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/host_device.h"

// Inlined even into large loops, so that these vectorise.
#define PAPILIO_INLINE PAPILIO_HOST_DEVICE inline __attribute__((always_inline))

namespace papilio::math {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
// ln 2 = kLn2High + kLn2Low; the high part has so few bits that its products with exponents are
// exact.
constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;

// c[0] + c[1] x + ... by Horner's rule.
template <class... C>
PAPILIO_INLINE float polynomial(float x, float c0, C... rest) {
  if constexpr (sizeof...(rest) == 0)
    return c0;
  else
    return polynomial(x, rest...) * x + c0;
}

// x = n ln 2 + r with |r| <= ln 2 / 2: exp(x) = 2^n exp(r).
PAPILIO_INLINE float exp_fast(float x) {
  x = x > 89.5f ? 89.5f : x;  // NaN passes through both
  x = x < -104.f ? -104.f : x;
  constexpr float kShift =
      12582912.f;  // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
  const float shifted = x * 1.44269504f + kShift;
  const float n = shifted - kShift;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  const float q = polynomial(r, 0.5f, 0.166665763f, 0.0416665524f, 0.00836335309f, 0.00139264006f);
  const float p = 1.f + (r + r * r * q);
  // 2^n as two factors, because n reaches from -150 to 129.
  const auto exponent = int32_t(std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kShift));
  const int32_t half = exponent >> 1;
  const float a = std::bit_cast<float>(uint32_t(half + 127) << 23);
  const float b = std::bit_cast<float>(uint32_t(exponent - half + 127) << 23);
  return p * a * b;
}

// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)): log(x) = e ln 2 + log1p(f).
PAPILIO_INLINE float log_fast(float x) {
  const bool subnormal = x < std::numeric_limits<float>::min();
  const auto bits = std::bit_cast<uint32_t>(subnormal ? x * 8388608.f : x);  // 2^23
  const int32_t exponent = int32_t(bits - 0x3f3504f3u) >> 23;
  const float f = std::bit_cast<float>(bits - (uint32_t(exponent) << 23)) - 1.f;
  const float e = float(exponent) - (subnormal ? 23.f : 0.f);
  const float q =
      polynomial(f, 0.333333313f, -0.24999997f, 0.200007156f, -0.166678026f, 0.142490581f,
                 -0.124256872f, 0.116854198f, -0.114797339f, 0.0697161108f);
  const float square = f * f;
  const float small = (square * f * q + e * kLn2Low) - 0.5f * square;
  const float y = (f + small) + e * kLn2High;
  const float special = x == 0.f ? -kInfinity : x < 0.f ? kNaN : x;
  return x > 0.f && x < kInfinity ? y : special;
}

// Odd polynomial near 0, 1 - 2 / (exp(2 |x|) + 1) beyond.
PAPILIO_INLINE float tanh_fast(float x) {
  const float t = std::fabs(x), s = x * x;
  const float q = polynomial(s, -0.333333343f, 0.133333042f, -0.0539592579f, 0.0217689183f,
                             -0.00834394526f, 0.00229274505f);
  const float far = 1.f - 2.f / (exp_fast(2.f * t) + 1.f);
  return std::copysign(t < 0.625f ? t + t * s * q : far, x);
}

// Odd polynomial near 0, 1 - exp(polynomial ~ log erfc) beyond.
PAPILIO_INLINE float erf_fast(float x) {
  const float t = std::fabs(x), s = x * x;
  const float q = polynomial(s, 0.128379166f, -0.376126349f, 0.11283718f, -0.0268606655f,
                             0.00520422682f, -0.000817963213f, 8.52940138e-05f);
  const float c = t > 4.f ? 4.f : t;
  const float log_erfc =
      polynomial(c, 0.000318539649f, -1.13023102f, -0.631823897f, -0.110087164f, 0.0264276378f,
                 -0.00476262579f, 0.000597585749f, -4.61638592e-05f, 1.64306368e-06f);
  const float far = 1.f - exp_fast(log_erfc);
  return std::copysign(t < 0.9f ? t + t * q : far, x);
}

// The normal distribution's Phi(x) and its density exp(-x^2 / 2) / sqrt(2 pi).
template <class T>
struct Normal {
  T cdf, density;
};

// With t = |x| / sqrt 2, s = 1 / (1 + t / 3): erfc(t) = exp(-t^2) s P(s - 5/8). One exponential for
// both; no cancellation if Phi is small.
PAPILIO_INLINE Normal<float> normal_fast(float x) {
  const float e = exp_fast(-0.5f * x * x);
  const float s = 1.f / (1.f + 0.235702260f * std::fabs(x));
  const float p =
      polynomial(s - 0.625f, 0.445696145f, 0.829802096f, 1.1626097f, 1.18918705f, 0.800816178f,
                 0.220792398f, -0.15013507f, -0.141929924f, 0.0214063972f, 0.0571956933f);
  const float tail = 0.5f * e * s * p;
  return {x < 0.f ? tail : 1.f - tail, 0.398942280f * e};
}

// The standard library's functions, of float and double.
template <class T>
PAPILIO_INLINE T exp(T x) {
#ifndef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) return exp_fast(x);
#endif
  return std::exp(x);
}
template <class T>
PAPILIO_INLINE T log(T x) {
#ifndef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) return log_fast(x);
#endif
  return std::log(x);
}
template <class T>
PAPILIO_INLINE T tanh(T x) {
#ifndef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) return tanh_fast(x);
#endif
  return std::tanh(x);
}
template <class T>
PAPILIO_INLINE T erf(T x) {
#ifndef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) return erf_fast(x);
#endif
  return std::erf(x);
}

// Phi(x) and its density together: they share an exponential.
template <class T>
PAPILIO_INLINE Normal<T> normal(T x) {
#ifndef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) return normal_fast(x);
#endif
  return {T(0.5) * std::erfc(x * T(-0.70710678118654752440)),
          T(0.39894228040143267794) * math::exp(T(-0.5) * x * x)};
}

// 1 / (1 + exp(-x)); float32 results below 1.2e-38 become 0.
template <class T>
PAPILIO_INLINE T sigmoid(T x) {
  return T(1) / (T(1) + math::exp(-x));
}

}  // namespace papilio::math
