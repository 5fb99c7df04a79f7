#include "kernels/threads.h"

#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <fstream>
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
// The most threads that the calling one has had, and how many its last region was of: OpenMP ends
// those that a smaller team does without, and starts others for a larger one.
thread_local int had_at_once = 1, last_team = 1;

// Whether there is a limit that the stacks of threads may reach, other than of the threads' number.
bool stacks_are_limited() {
  const auto limited = [](auto resource) {
    rlimit limit{};
    return ::getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  };
  static const bool commits_are = [] {
    std::ifstream file("/proc/sys/vm/overcommit_memory");
    int policy = 0;
    return file >> policy && policy == 2;
  }();
  return commits_are || limited(RLIMIT_AS) || limited(RLIMIT_DATA);
}

// How many of `count` threads the system gives at once. They end again, and leave their places to
// the next that are started.
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
  if (count > had_at_once || (count > last_team && stacks_are_limited())) {
    std::string reason;
    const int given = last_team + start_at_once(count - last_team, reason);
    if (given < count)
      throw OutOfMemoryError("threads: the system gives " + std::to_string(given) + " of " +
                             std::to_string(count) + " at once (" + reason +
                             "): memory or a limit does not suffice; try fewer threads");
    had_at_once = std::max(had_at_once, count);
  }
  last_team = count;
}

}  // namespace papilio
