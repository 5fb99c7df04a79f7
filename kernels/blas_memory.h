// The working space of the library behind the CPU's matrix products.
#pragma once

#include <cstddef>

namespace papilio::cpu {

// One thread's working space in OpenBLAS, in bytes of address space.
inline constexpr size_t kBlasBuffer = size_t(132) << 20;

// Buffers that there is no room for, of so many bytes each; none: all are there.
struct MissingBlasMemory {
  size_t buffers = 0, bytes = 0;
  int threads = 0;
};

// If OpenBLAS cannot have its working space (a ulimit, say) it tries for ever. So operations take
// it before a product, for as many threads as compute then, after a look that there is room. A
// product without that takes it by itself.
[[nodiscard]] MissingBlasMemory take_blas_memory();

}  // namespace papilio::cpu
