#include "kernels/cpu/blas.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/threads.h"

// OpenBLAS' own, where it is the library behind CBLAS: a buffer, of those that it has or a new one.
extern "C" {
[[gnu::weak]] void* blas_memory_alloc(int);
[[gnu::weak]] void blas_memory_free(void*);
[[gnu::weak]] void openblas_set_num_threads(int);
}

namespace papilio::cpu {

namespace {

constexpr size_t kBuffer = size_t(132) << 20;  // of one thread
constexpr int kMostThreads = 64;  // further ones take their buffers when they need them

// Whether the address space has room for so many buffers; nothing is touched.
bool has_room(size_t buffers) {
  void* const memory = ::mmap(nullptr, buffers * kBuffer, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  ::munmap(memory, buffers * kBuffer);
  return true;
}

// Takes the buffers of `threads` callers at once, and those of OpenBLAS' own threads, of which it
// has `before`.
void take_buffers(int threads, int before) {
  if (openblas_set_num_threads != nullptr && threads > before) {
    const int own = omp_get_max_threads();  // which it changes too
    openblas_set_num_threads(threads);
    omp_set_num_threads(own);
  }
  if (blas_memory_alloc == nullptr || blas_memory_free == nullptr) return;
  std::vector<void*> taken;
  for (int i = 0; i < threads; ++i) taken.push_back(blas_memory_alloc(0));
  for (void* buffer : taken) blas_memory_free(buffer);
}

}  // namespace

void expect_blas_memory() {
  static std::atomic<int> reserved = 0;
  const int threads = std::min(num_threads(), kMostThreads);
  if (threads <= reserved.load(std::memory_order_acquire)) return;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  // As many as there are processors it took when it was loaded.
  const int before = std::max(reserved.load(), std::min(omp_get_num_procs(), kMostThreads));
  if (threads <= reserved) return;
  const auto buffers = size_t(threads - reserved) + size_t(std::max(threads - before, 0));
  if (!has_room(buffers)) {
    throw OutOfMemoryError("sgemm: out of memory for OpenBLAS' own buffers (" +
                           std::to_string(buffers) + " of " + std::to_string(kBuffer >> 20) +
                           " MB for " + std::to_string(threads) +
                           " threads; fewer threads need fewer)");
  }
  take_buffers(threads, before);
  reserved.store(threads, std::memory_order_release);
}

}  // namespace papilio::cpu
