#include "kernels/blas_memory.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>

#include "kernels/cpu/blas.h"
#include "kernels/threads.h"

// A buffer, of those that it has or a new one; no header declares these.
extern "C" {
void* blas_memory_alloc(int);
void blas_memory_free(void*);
}

namespace papilio::cpu {

namespace {

constexpr int kMostThreads = 64;  // further ones take their buffers when they need them

// Whether the address space has room for so many buffers; nothing is touched.
bool has_room(size_t buffers) {
  void* const memory = ::mmap(nullptr, buffers * kBlasBuffer, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  ::munmap(memory, buffers * kBlasBuffer);
  return true;
}

// Takes the buffers of `threads` callers at once, and those of OpenBLAS' own threads, of which it
// has `before`.
void take_buffers(int threads, int before) {
  if (threads > before && blas_divides()) {
    const int own = omp_get_max_threads();  // which it changes too
    openblas_set_num_threads(threads);
    omp_set_num_threads(own);
  }
  std::array<void*, kMostThreads> taken;
  for (int i = 0; i < threads; ++i) taken[size_t(i)] = blas_memory_alloc(0);
  for (int i = 0; i < threads; ++i) blas_memory_free(taken[size_t(i)]);
}

}  // namespace

MissingBlasMemory take_blas_memory() {
  static std::atomic<int> reserved = 0;
  const int threads = std::min(num_threads(), kMostThreads);
  if (threads <= reserved.load(std::memory_order_acquire)) return {};
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  // When it was loaded it took as many as there are processors.
  const int before = std::max(reserved.load(), std::min(omp_get_num_procs(), kMostThreads));
  if (threads <= reserved) return {};
  const auto buffers = size_t(threads - reserved) + size_t(std::max(threads - before, 0));
  if (!has_room(buffers)) return {.buffers = buffers, .bytes = kBlasBuffer, .threads = threads};
  take_buffers(threads, before);
  reserved.store(threads, std::memory_order_release);
  return {};
}

}  // namespace papilio::cpu
