#include "kernels/threads.h"

#include <omp.h>

#include <atomic>

namespace papilio {

namespace {

// OpenMP keeps a count for each thread. The process's reaches a thread when it next asks.
std::atomic<int> process_count = 0, changes = 0;
thread_local int changes_seen = 0;
thread_local bool has_own = false;

}  // namespace

int num_threads() {
  const int now = changes.load(std::memory_order_acquire);
  if (now != changes_seen && !has_own && !omp_in_parallel()) {
    omp_set_num_threads(process_count.load(std::memory_order_relaxed));
    changes_seen = now;
  }
  return omp_get_max_threads();
}

void set_num_threads(int count) {
  process_count.store(count, std::memory_order_relaxed);
  changes.fetch_add(1, std::memory_order_release);
  num_threads();
}

void set_own_num_threads(int count) {
  has_own = true;
  omp_set_num_threads(count);
}

}  // namespace papilio
