#include "kernels/cpu/blas.h"

#include <omp.h>

#include <cstdlib>

#include "kernels/error.h"

namespace papilio::cpu {

void expect_blas_memory() {
  static const bool there = [] {
    constexpr size_t kBuffer = size_t(132) << 20;                                  // of one thread
    void* volatile memory = std::malloc(size_t(omp_get_max_threads()) * kBuffer);  // never touched
    if (memory == nullptr) throw OutOfMemoryError("sgemm: out of memory for OpenBLAS' own buffers");
    std::free(memory);
    return true;
  }();
  static_cast<void>(there);
}

}  // namespace papilio::cpu
