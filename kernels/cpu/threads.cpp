#include "kernels/threads.h"

#include <omp.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "kernels/error.h"

namespace papilio {

namespace {

// OpenMP keeps a count for each thread. The process's reaches a thread when it next asks.
std::atomic<int> process_count = 0, changes = 0;
thread_local int changes_seen = 0;
thread_local bool has_own = false;
thread_local int had_at_once = 1;

// How many of `count` threads the system gives at once. They end again; the memory of their stacks
// stays for the next that are started.
int start_at_once(int count, std::string& reason) {
  std::vector<std::thread> started;
  std::latch end(1);
  try {
    started.reserve(size_t(count));
    while (int(started.size()) < count) started.emplace_back([&] { end.wait(); });
  } catch (const std::exception& error) {
    reason = error.what();
  }
  end.count_down();
  for (std::thread& thread : started) thread.join();
  return int(started.size());
}

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

void expect_threads(int count) {
  if (count <= had_at_once) return;
  std::string reason;
  const int given = 1 + start_at_once(count - 1, reason);
  if (given < count)
    throw OutOfMemoryError("threads: the system gives " + std::to_string(given) + " of " +
                           std::to_string(count) + " at once (" + reason +
                           "): memory or a limit does not suffice; try fewer threads");
  had_at_once = count;
}

}  // namespace papilio
