#include "kernels/compiled_for.h"

#include <doctest/doctest.h>

namespace papilio::test {

TEST_CASE("kernels are for instructions that this processor has") {
  const auto level = cpu::compiled_for();
#if defined(__x86_64__)
  CHECK(level.starts_with("x86-64"));
  if (level == "x86-64-v4") CHECK(__builtin_cpu_supports("avx512bw"));
  if (level == "x86-64-v3" || level == "x86-64-v4") CHECK(__builtin_cpu_supports("avx2"));
#if defined(PAPILIO_KERNEL_LEVELS) && !defined(__clang__)  // whose builtin knows no levels
  // The highest level that this processor has, as the compiler's library finds it.
  CHECK(level == (__builtin_cpu_supports("x86-64-v4")   ? "x86-64-v4"
                  : __builtin_cpu_supports("x86-64-v3") ? "x86-64-v3"
                                                        : "x86-64-v2"));
#endif
#else
  CHECK(level.empty());
#endif
}

}  // namespace papilio::test
