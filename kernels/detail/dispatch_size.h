// For kernels that are faster with a small size known to the compiler.
#pragma once

#include <cstdint>
#include <type_traits>

namespace papilio {

// Calls f with the size as a compile-time number if it is one of `Sizes`. Whether it was.
template <int... Sizes, class F>
bool dispatch_size(int64_t size, F&& f) {
  return ((size == Sizes && (f(std::integral_constant<int, Sizes>()), true)) || ...);
}

// The same, and with 0, which stands for every other size.
template <int... Sizes, class F>
void dispatch_size_or_0(int64_t size, F&& f) {
  if (!dispatch_size<Sizes...>(size, f)) f(std::integral_constant<int, 0>());
}

}  // namespace papilio
