// OpenBLAS takes a buffer for each processor when it is loaded, before main, and tries for ever if
// the address space has no room (ulimit -v). So the program looks before its libraries begin.
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "kernels/blas_memory.h"

namespace {

constexpr size_t kRest = size_t(16) << 20;  // of all else before main

// Nothing is initialised yet, the C library's environment included.
size_t threads_of(char** environment) {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  size_t threads = 1;
  if (::sched_getaffinity(0, sizeof processors, &processors) == 0)
    threads = size_t(CPU_COUNT(&processors));
  constexpr char kName[] = "OMP_NUM_THREADS=";
  for (char** entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, kName, sizeof kName - 1) != 0) continue;
    const int said = std::atoi(*entry + sizeof kName - 1);
    if (said > 0) threads = std::min(threads, size_t(said));
  }
  return std::min<size_t>(threads, 64);
}

void look_for_room(int, char**, char** environment) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  const size_t bytes = threads_of(environment) * papilio::cpu::kBlasBuffer + kRest;
  void* const memory = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) {
    ::munmap(memory, bytes);
    return;
  }
  constexpr char kSays[] =
      "papilio: out of memory for OpenBLAS' own buffers (132 MB for each processor when it starts; "
      "OMP_NUM_THREADS=1 needs fewer)\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kSays, sizeof kSays - 1);
  ::_exit(1);
}

}  // namespace

// What an executable has here runs before any library's own beginning.
[[gnu::section(".preinit_array"),
  gnu::used]] static void (*const kBeforeLibraries)(int, char**, char**) = look_for_room;
