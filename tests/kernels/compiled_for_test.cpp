#include "kernels/compiled_for.h"

#include <doctest/doctest.h>

namespace papilio::test {

TEST_CASE("kernels are for instructions that this processor has") {
  const auto level = cpu::compiled_for();
#if defined(__x86_64__)
  CHECK(level.starts_with("x86-64"));
  if (level == "x86-64-v4") CHECK(__builtin_cpu_supports("avx512bw"));
  if (level == "x86-64-v3" || level == "x86-64-v4") CHECK(__builtin_cpu_supports("avx2"));
#else
  CHECK(level.empty());
#endif
}

}  // namespace papilio::test
