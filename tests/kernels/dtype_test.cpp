#include "kernels/dtype.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

namespace papilio {
namespace {

// The value of a 16-bit float from its fields, by their definition.
double decoded(uint16_t bits, int exponent_bits) {
  const int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits & 0x7fff) >> fraction_bits,
            fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction ? std::nan("") : sign * HUGE_VAL;
  const double significand = std::ldexp(fraction, -fraction_bits) + (exponent ? 1 : 0);
  return sign * std::ldexp(significand, (exponent ? exponent : 1) - bias);
}

template <class T>
T from_bits(uint32_t bits) {
  T x;
  x.bits = uint16_t(bits);
  return x;
}

template <class T>
void check_all_patterns(int exponent_bits) {
  int64_t wrong = 0;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = float(from_bits<T>(bits));
    const double want = decoded(uint16_t(bits), exponent_bits);
    if (std::isnan(want)) {
      wrong += !std::isnan(value) || !std::isnan(float(T(value)));
    } else {
      wrong += double(value) != want || std::signbit(value) != std::signbit(want);
      wrong += T(value).bits != bits;
    }
  }
  CHECK(wrong == 0);
}

// Between each two neighbours: just below the middle, the middle (to even) and just above it.
template <class T>
void check_rounding(uint32_t infinity, double beyond) {
  int64_t wrong = 0;
  for (uint32_t bits = 0; bits < infinity; ++bits) {
    const double low = double(float(from_bits<T>(bits)));
    const double high = bits + 1 == infinity ? beyond : double(float(from_bits<T>(bits + 1)));
    const float middle = float(low / 2 + high / 2);
    const uint32_t even = bits % 2 ? bits + 1 : bits;
    for (int sign = 0; sign < 2; ++sign) {
      const float s = sign ? -1 : 1;
      const uint32_t top = sign ? 0x8000 : 0;
      wrong += T(s * std::nextafter(middle, 0.0f)).bits != (bits | top);
      wrong += T(s * middle).bits != (even | top);
      wrong += T(s * std::nextafter(middle, HUGE_VALF)).bits != ((bits + 1) | top);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("float16: all bit patterns, and rounding between all neighbours") {
  check_all_patterns<Float16>(5);
  check_rounding<Float16>(0x7c00, 65536);
}

TEST_CASE("bfloat16: all bit patterns, and rounding between all neighbours") {
  check_all_patterns<BFloat16>(8);
  check_rounding<BFloat16>(0x7f80, std::ldexp(1, 128));
}

TEST_CASE("16-bit floats: infinities and overflow") {
  CHECK(Float16(1e6f).bits == 0x7c00);
  CHECK(Float16(-1e6f).bits == 0xfc00);
  CHECK(Float16(HUGE_VALF).bits == 0x7c00);
  CHECK(BFloat16(std::numeric_limits<float>::max()).bits == 0x7f80);
  CHECK(BFloat16(-HUGE_VALF).bits == 0xff80);
}

TEST_CASE("dispatch: the type of every dtype") {
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16, DType::int64,
                      DType::int32, DType::uint8, DType::boolean}) {
    int calls = 0;
    dispatch_all(dtype, [&]<class T>() {
      CHECK(dtype_of<T>() == dtype);
      CHECK(sizeof(T) == size_of(dtype));
      ++calls;
    });
    CHECK(calls == 1);
    calls = 0;
    dispatch_floating(dtype, [&]<class T>() { ++calls; });
    CHECK(calls == int(is_floating(dtype)));
  }
}

}  // namespace
}  // namespace papilio
