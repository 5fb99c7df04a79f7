// Numbers by codes of 4 bits, as many at a time as a register has.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/cpu/simd.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace papilio::cpu {

// The code of element i: of two in a byte the first is the upper half.
inline int code_of(const uint8_t* codes, int64_t i) {
  return codes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
}

// Values of 16 codes. look_up reads kSimdLanes bytes: their upper halves are the codes of the
// elements of even number, the lower ones those of odd number.
#if defined(__AVX512F__)
class CodeTable {
 public:
  explicit CodeTable(const float* values) : values_(load(values)) {}
  void look_up(const uint8_t* bytes, Simd<float>& even, Simd<float>& odd) const {
    const __m512i codes =
        _mm512_maskz_cvtepu8_epi32(kAll, _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
    even = _mm512_maskz_permutexvar_ps(kAll, _mm512_maskz_srli_epi32(kAll, codes, 4), values_);
    odd = _mm512_maskz_permutexvar_ps(kAll, codes, values_);  // which reads 4 bits
  }

 private:
  // g++ 12 takes what unmasked intrinsics leave open for uninitialised.
  static constexpr __mmask16 kAll = 0xffff;
  Simd<float> values_;
};
#elif defined(__AVX2__)
class CodeTable {
 public:
  explicit CodeTable(const float* values) : low_(load(values)), high_(load(values + 8)) {}
  void look_up(const uint8_t* bytes, Simd<float>& even, Simd<float>& odd) const {
    const __m256i codes =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
    even = of(_mm256_srli_epi32(codes, 4));
    odd = of(codes);
  }

 private:
  // Each half by the code's lower three bits, then one of them by its fourth, moved to the sign.
  Simd<float> of(__m256i codes) const {
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low_, codes),
                            _mm256_permutevar8x32_ps(high_, codes),
                            _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28)));
  }

  Simd<float> low_, high_;
};
#else
class CodeTable {
 public:
  explicit CodeTable(const float* values) : values_(values) {}  // which it refers to
  void look_up(const uint8_t* bytes, Simd<float>& even, Simd<float>& odd) const {
    // g++ 12 takes vectors that are written lane by lane for uninitialised.
    float high[kSimdLanes<float>], low[kSimdLanes<float>];
    for (int l = 0; l < kSimdLanes<float>; ++l) {
      high[l] = values_[bytes[l] >> 4];
      low[l] = values_[bytes[l] & 15];
    }
    even = load(high), odd = load(low);
  }

 private:
  const float* values_;
};
#endif

// even_0 odd_0 even_1 odd_1 ...
inline void store_zipped(float* to, const Simd<float>& even, const Simd<float>& odd) {
  constexpr int n = kSimdLanes<float>;
  [&]<int... l>(std::integer_sequence<int, l...>) {
    store<float>(to, __builtin_shufflevector(even, odd, (l % 2 * n + l / 2)...));
    store<float>(to + n, __builtin_shufflevector(even, odd, (l % 2 * n + l / 2 + n / 2)...));
  }
  (std::make_integer_sequence<int, n>{});
}

}  // namespace papilio::cpu
