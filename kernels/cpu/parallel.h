// Loops over the threads of OpenMP's pool (kernels/threads.h).
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

#include "kernels/threads.h"

namespace papilio::cpu {

// The number of parts into which parallel_for would cut [0, n).
inline int64_t part_count(int64_t n, int64_t grain) {
  const int64_t wanted = std::max<int64_t>(1, n / std::max<int64_t>(1, grain));
  return omp_in_parallel() ? 1 : std::min<int64_t>(num_threads(), wanted);
}

// Calls f(begin, end) on contiguous parts of [0, n), in parallel when there are at least `grain`
// items for a second thread. Parts depend only on n, grain and the number of threads, so results
// repeat. An exception (out of memory, say) leaves through the caller, not through the region.
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& f) {
  if (n <= 0) return;
  const int threads = int(part_count(n, grain));
  if (threads == 1) return f(int64_t(0), n);
  expect_threads(threads);
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int64_t count = omp_get_num_threads(), t = omp_get_thread_num();
    try {
      f(n * t / count, n * (t + 1) / count);
    } catch (...) {
#pragma omp critical(papilio_parallel_error)
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

// Calls f(part, begin, end) for `parts` equal parts of [0, n), in parallel; the part's number picks
// its scratch memory, allocated before.
template <class F>
void parallel_parts(int64_t n, int64_t parts, F&& f) {
  parallel_for(parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) f(p, n * p / parts, n * (p + 1) / parts);
  });
}

}  // namespace papilio::cpu
