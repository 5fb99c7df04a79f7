#include "kernels/cpu/blas.h"

#include <omp.h>

#include <cstdlib>
#include <new>

namespace papilio::cpu {

void expect_blas_memory() {
  static const bool there = [] {
    constexpr size_t kBuffer = size_t(132) << 20;                                  // of one thread
    void* volatile memory = std::malloc(size_t(omp_get_max_threads()) * kBuffer);  // never touched
    if (memory == nullptr) throw std::bad_alloc();
    std::free(memory);
    return true;
  }();
  static_cast<void>(there);
}

}  // namespace papilio::cpu
