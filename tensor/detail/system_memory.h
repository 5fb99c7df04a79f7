// What the operating system says of memory, for available_memory and its test.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>

#include "tensor/available_memory.h"

namespace papilio {

// A process's own limits, getrlimit's numbers, and what its threads will take of them.
struct ProcessLimits {
  size_t address_space = std::numeric_limits<size_t>::max();
  size_t data = std::numeric_limits<size_t>::max();
  size_t threads = 1;              // that compute
  size_t stack = size_t(8) << 20;  // of each
};

// What a process may take, from the files below `root` ("/"), as Linux lays them out in proc/ and
// sys/fs/cgroup/; what is the machine's or a group's is shared by so many processes alike.
AvailableMemory system_memory(const std::filesystem::path& root, const ProcessLimits& limits,
                              int processes = 1);

}  // namespace papilio
