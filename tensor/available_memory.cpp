#include "tensor/available_memory.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>

#include "kernels/blas_memory.h"
#include "kernels/cuda.h"
#include "kernels/threads.h"
#include "tensor/detail/system_memory.h"
#include "tensor/error.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/storage.h"

namespace papilio {

namespace {

namespace fs = std::filesystem;

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

constexpr size_t kOtherThreads = 3;  // to come, beside those that compute: loaders, progress

// The kernel's files say that they are empty, and are read to their end. Empty if one cannot be
// read.
std::string text_of(const fs::path& path) {
  try {
    const RegularFile file(path);
    std::string text;
    char part[4096];
    for (ssize_t got = 0; (got = ::read(file.descriptor(), part, sizeof part)) > 0;)
      text.append(part, size_t(got));
    return text;
  } catch (const FileError&) {
    return "";
  }
}

std::optional<size_t> number_in(const std::string& text) {
  std::istringstream in(text);
  size_t value = 0;
  if (in >> value) return value;
  return {};
}

// The number behind `name` at a line's beginning: "MemAvailable:  1234 kB", "inactive_file 1234".
std::optional<size_t> field(const std::string& text, std::string_view name) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name)) return number_in(line.substr(name.size()));
  }
  return {};
}

size_t kilobytes(const std::string& text, std::string_view name, size_t otherwise) {
  const auto value = field(text, name);
  return value ? *value * 1024 : otherwise;
}

size_t without(size_t all, size_t part) {
  return all - std::min(all, part);
}

// How one version of cgroups calls its files.
struct CgroupFiles {
  const char *limit, *usage, *inactive, *active;
};
constexpr CgroupFiles kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes",
                                "total_inactive_file ", "total_active_file "};
constexpr CgroupFiles kVersion2{"memory.max", "memory.current", "inactive_file ", "active_file "};

// What a group and the groups above it, up to `mount`, leave. A container sees its own group as the
// root, whatever its path.
size_t cgroup_leaves(const fs::path& mount, std::string path, const CgroupFiles& files) {
  size_t least = kNoLimit;
  for (;;) {
    const fs::path group = mount.string() + path;
    const auto limit = number_in(text_of(group / files.limit));
    const auto usage = number_in(text_of(group / files.usage));
    if (limit && usage) {
      const std::string stat = text_of(group / "memory.stat");
      const size_t cache =
          field(stat, files.inactive).value_or(0) + field(stat, files.active).value_or(0);
      least = std::min(least, without(*limit, without(*usage, cache)));
    }
    if (path.size() <= 1) return least;
    path.resize(std::max<size_t>(path.rfind('/'), 1));
  }
}

size_t cgroup_memory(const fs::path& root) {
  size_t least = kNoLimit;
  std::istringstream lines(text_of(root / "proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {  // 4:memory:/path, or 0::/path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',',
                      path = line.substr(second + 1);
    const fs::path mounts = root / "sys/fs/cgroup";
    if (controllers == ",,") {
      least = std::min({least, cgroup_leaves(mounts, path, kVersion2),
                        cgroup_leaves(mounts / "unified", path, kVersion2)});
    } else if (controllers.find(",memory,") != controllers.npos) {
      least = std::min(least, cgroup_leaves(mounts / "memory", path, kVersion1));
    }
  }
  return least;
}

// glibc reserves 64 MB of addresses for a heap of each thread's own, if it can; without them all
// threads share one.
void share_one_heap() {
#ifdef M_ARENA_MAX
  ::mallopt(M_ARENA_MAX, 1);
#endif
}

}  // namespace

AvailableMemory system_memory(const fs::path& root, const ProcessLimits& limits, int processes) {
  const std::string meminfo = text_of(root / "proc/meminfo"),
                    status = text_of(root / "proc/self/status");
  AvailableMemory least{kilobytes(meminfo, "MemAvailable:", kNoLimit), "free memory"};
  const auto bound = [&](size_t bytes, const char* name) {
    if (bytes < least.bytes) least = {bytes, name};
  };
  if (number_in(text_of(root / "proc/sys/vm/overcommit_memory")) == 2) {
    bound(without(kilobytes(meminfo, "CommitLimit:", kNoLimit),
                  kilobytes(meminfo, "Committed_AS:", 0)),
          "commit limit");
  }
  bound(cgroup_memory(root), "cgroup limit");
  if (least.bytes != kNoLimit) least.bytes /= size_t(processes);
  // Stacks are addresses, and data: mappings of the process's own that can be written.
  const size_t to_come =
      kOtherThreads + without(limits.threads, field(status, "Threads:").value_or(1));
  const auto bound_process = [&](size_t limit, std::string_view taken, const char* name) {
    if (limit != kNoLimit)
      bound(without(limit, kilobytes(status, taken, 0) + to_come * limits.stack), name);
  };
  bound_process(limits.address_space, "VmSize:", "ulimit -v");
  bound_process(limits.data, "VmData:", "ulimit -d");
  return least;
}

AvailableMemory available_memory(Device device, int processes) {
  if (!device.is_cpu()) {
    check_available("available_memory", device);
    return {cuda::memory(device.index).free / size_t(processes), str("free on ", device)};
  }
  const auto limit = [](auto resource) {
    rlimit value{};
    if (::getrlimit(resource, &value) != 0 || value.rlim_cur == RLIM_INFINITY) return kNoLimit;
    return size_t(value.rlim_cur);
  };
  // What OpenBLAS will have is taken before it is asked what is left.
  std::ignore = cpu::take_blas_memory();
  ProcessLimits limits{limit(RLIMIT_AS), limit(RLIMIT_DATA), size_t(num_threads())};
  if (const size_t stack = limit(RLIMIT_STACK); stack != kNoLimit) limits.stack = stack;
  if (limits.address_space != kNoLimit) share_one_heap();
  AvailableMemory memory = system_memory("/", limits, processes);
  const size_t cached = memory_stats().cached;
  memory.bytes += std::min(cached, kNoLimit - memory.bytes);
  return memory;
}

size_t peak_resident_bytes() {
  std::istringstream lines(text_of("/proc/self/status"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    size_t kib = 0;
    if (words >> key >> kib && key == "VmHWM:") return kib << 10;
  }
  return 0;
}

}  // namespace papilio
