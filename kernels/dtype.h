// Element types: the enum, the two 16-bit floating types, and one dispatcher from enum to C++ type.
// A GPU rounds 16-bit types by one instruction, which gives the same bits but for those of a NaN.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/host_device.h"

namespace papilio {

enum class DType : uint8_t { float32, float64, bfloat16, float16, int64, int32, uint8, boolean };

// bfloat16: the upper half of a float32; conversion rounds to nearest even and keeps NaN.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  BFloat16(const BFloat16&) = default;  // assignment is written out: stores of it then vectorise
  PAPILIO_HOST_DEVICE BFloat16& operator=(
      const BFloat16& other) {  // NOLINT(modernize-use-equals-default)
    bits = other.bits;
    return *this;
  }
  PAPILIO_HOST_DEVICE BFloat16(float value) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
    const auto u = std::bit_cast<uint32_t>(value);
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? uint16_t((u >> 16) | 0x40u) : uint16_t((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
#endif
  }
  PAPILIO_HOST_DEVICE operator float() const {
    return std::bit_cast<float>(uint32_t(bits) << 16);
  }
};

// IEEE binary16; conversion rounds to nearest even, overflows to infinity and keeps NaN.
struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  Float16(const Float16&) = default;  // assignment is written out: stores of it then vectorise
  PAPILIO_HOST_DEVICE Float16& operator=(
      const Float16& other) {  // NOLINT(modernize-use-equals-default)
    bits = other.bits;
    return *this;
  }
  PAPILIO_HOST_DEVICE Float16(float value) {
#ifdef __CUDA_ARCH__
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
    const auto u = std::bit_cast<uint32_t>(value);
    const uint32_t sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
    if (magnitude >= 0x47800000u) {  // 65536 and above, infinity, NaN
      bits = uint16_t(sign | 0x7c00u | (magnitude > 0x7f800000u ? 0x200u : 0u));
    } else if (magnitude < 0x38800000u) {  // below 2^-14: subnormal; adding 0.5 rounds in hardware
      const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
      bits = uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
    } else {
      const uint32_t odd = (magnitude >> 13) & 1u;
      bits = uint16_t(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
    }
#endif
  }
  PAPILIO_HOST_DEVICE operator float() const {
#ifdef __CUDA_ARCH__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
#else
    const uint32_t sign = uint32_t(bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
    if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (magnitude << 13));
    // 2^112 moves the exponent's bias from 15 to 127 and normalises subnormals.
    const float value = std::bit_cast<float>(magnitude << 13) * std::bit_cast<float>(0x77800000u);
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
#endif
  }
};

// Is T one of the 16-bit types, which are computed in float?
template <class T>
constexpr bool is_half_type = std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>;

// The type to compute in: float for the 16-bit floating types, the type itself otherwise.
template <class T>
using compute_t = std::conditional_t<is_half_type<T>, float, T>;

// The dtype of statistics a kernel keeps for its backward pass: that of compute_t.
constexpr DType compute_dtype(DType dtype) {
  return dtype == DType::bfloat16 || dtype == DType::float16 ? DType::float32 : dtype;
}

// The dtype of the C++ type T: dtype_of<float>() is DType::float32.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>)
    return DType::float32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::float64;
  else if constexpr (std::is_same_v<T, BFloat16>)
    return DType::bfloat16;
  else if constexpr (std::is_same_v<T, Float16>)
    return DType::float16;
  else if constexpr (std::is_same_v<T, int64_t>)
    return DType::int64;
  else if constexpr (std::is_same_v<T, int32_t>)
    return DType::int32;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return DType::uint8;
  else {
    static_assert(std::is_same_v<T, bool>, "no DType for this C++ type");
    return DType::boolean;
  }
}

// Bytes of an element.
constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
    case DType::int64:
      return 8;
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::bfloat16:
    case DType::float16:
      return 2;
    case DType::uint8:
    case DType::boolean:
      return 1;
  }
  return 0;
}

// float64, float32, float16 or bfloat16?
constexpr bool is_floating(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float64 || dtype == DType::bfloat16 ||
         dtype == DType::float16;
}

// Calls f.template operator()<T>() with the C++ type of a floating dtype: dispatch_floating(t,
// [&]<class T>() {...}). Operations check their dtypes; any other dtype here is a caller's error
// and does nothing.
template <class F>
void dispatch_floating(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f.template operator()<float>();
    case DType::float64:
      return f.template operator()<double>();
    case DType::bfloat16:
      return f.template operator()<BFloat16>();
    case DType::float16:
      return f.template operator()<Float16>();
    default:
      return;
  }
}

// The same over all dtypes.
template <class F>
void dispatch_all(DType dtype, F&& f) {
  switch (dtype) {
    case DType::int64:
      return f.template operator()<int64_t>();
    case DType::int32:
      return f.template operator()<int32_t>();
    case DType::uint8:
      return f.template operator()<uint8_t>();
    case DType::boolean:
      return f.template operator()<bool>();
    default:
      return dispatch_floating(dtype, f);
  }
}

}  // namespace papilio
