// What is said of memory, from files laid out as Linux does.
#include "tensor/available_memory.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>

#include "tensor/detail/system_memory.h"
#include "tensor/files/atomic_file.h"
#include "tensor/storage.h"
#include "tests/temporary_folder.h"

using namespace papilio;

namespace {

// A root folder with 8 GiB available, of which the process has 1 GiB of addresses and .5 of data.
struct Root : test::TemporaryFolder {
  Root() {
    put("proc/meminfo",
        "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n"
        "CommitLimit:     9437184 kB\nCommitted_AS:    7340032 kB\n");
    put("proc/self/status", "Name:\tpapilio\nVmSize:\t 1048576 kB\nVmData:\t  524288 kB\n");
    put("proc/sys/vm/overcommit_memory", "0\n");
  }
  void put(const std::string& file, const std::string& text) const {
    const std::filesystem::path at = path() / file;
    std::filesystem::create_directories(at.parent_path());
    write_file_atomically(at, text);
  }
  AvailableMemory memory(const ProcessLimits& limits = {}, int processes = 1) const {
    return system_memory(path(), limits, processes);
  }
};

constexpr size_t kGiB = size_t(1) << 30;

}  // namespace

TEST_CASE("available memory: what the kernel can give, unless a limit is nearer") {
  const Root root;
  CHECK(root.memory().bytes == 8 * kGiB);
  CHECK(root.memory().bound == "free memory");
  CHECK(root.memory({.address_space = 20 * kGiB}).bound == "free memory");
  const AvailableMemory addresses = root.memory({.address_space = 4 * kGiB});
  CHECK(addresses.bytes == 3 * kGiB - (24 << 20));  // three stacks
  CHECK(addresses.bound == "ulimit -v");
  // Three of eight threads that compute are there; five and three others will come.
  root.put("proc/self/status", "VmSize:\t 1048576 kB\nVmData:\t  524288 kB\nThreads:\t3\n");
  CHECK(root.memory({.address_space = 4 * kGiB, .threads = 8, .stack = 2 << 20}).bytes ==
        3 * kGiB - (16 << 20));
  const AvailableMemory data = root.memory({.address_space = 4 * kGiB, .data = kGiB});
  CHECK(data.bytes == kGiB / 2 - (24 << 20));
  CHECK(data.bound == "ulimit -d");
  CHECK(root.memory({.data = kGiB, .threads = 8, .stack = 2 << 20}).bytes == kGiB / 2 - (16 << 20));
  CHECK(root.memory({.address_space = kGiB / 2}).bytes == 0);
  root.put("proc/sys/vm/overcommit_memory", "2\n");
  CHECK(root.memory().bytes == 2 * kGiB);
  CHECK(root.memory().bound == "commit limit");
}

TEST_CASE("available memory: processes share what is the machine's, and have limits of their own") {
  const Root root;
  CHECK(root.memory({}, 4).bytes == 2 * kGiB);
  CHECK(root.memory({}, 4).bound == "free memory");
  const ProcessLimits data{.data = 3 * kGiB};
  CHECK(root.memory(data).bound == "ulimit -d");
  CHECK(root.memory(data, 4).bytes == 2 * kGiB);
  CHECK(root.memory(data, 2).bytes == 5 * kGiB / 2 - (24 << 20));  // of 4
  root.put("proc/self/cgroup", "0::/run\n");
  root.put("sys/fs/cgroup/run/memory.max", "4294967296\n");
  root.put("sys/fs/cgroup/run/memory.current", "1073741824\n");
  CHECK(root.memory({}, 3).bytes == kGiB);
  CHECK(root.memory({}, 3).bound == "cgroup limit");
}

TEST_CASE("available memory: cgroups of version 2, the nearest limit of all above") {
  const Root root;
  root.put("proc/self/cgroup", "0::/user/run\n");
  root.put("sys/fs/cgroup/user/run/memory.max", "max\n");
  root.put("sys/fs/cgroup/user/run/memory.current", "1073741824\n");
  CHECK(root.memory().bytes == 8 * kGiB);
  root.put("sys/fs/cgroup/user/memory.max", "4294967296\n");
  root.put("sys/fs/cgroup/user/memory.current", "3221225472\n");
  CHECK(root.memory().bytes == kGiB);
  CHECK(root.memory().bound == "cgroup limit");
  root.put("sys/fs/cgroup/user/memory.stat",
           "anon 1\ninactive_file 1073741824\nactive_file 536870912\n");
  CHECK(root.memory().bytes == 5 * kGiB / 2);
}

TEST_CASE("available memory: in a container the root is its own group") {
  const Root root;
  root.put("proc/self/cgroup", "0::/../../docker/0123\n");
  root.put("sys/fs/cgroup/memory.max", "2147483648\n");
  root.put("sys/fs/cgroup/memory.current", "1073741824\n");
  CHECK(root.memory().bytes == kGiB);
}

TEST_CASE("available memory: cgroups of version 1") {
  const Root root;
  root.put("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:hugetlb,memory:/a/b\n1:name=systemd:/\n");
  root.put("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  root.put("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "1073741824\n");
  CHECK(root.memory().bytes == 8 * kGiB);
  root.put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3221225472\n");
  root.put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "3221225472\n");
  root.put("sys/fs/cgroup/memory/a/memory.stat",
           "cache 1\ntotal_inactive_file 268435456\ntotal_active_file 268435456\n");
  CHECK(root.memory().bytes == kGiB / 2);
  CHECK(root.memory().bound == "cgroup limit");
}

TEST_CASE("available memory: a system that says nothing has no bound") {
  const test::TemporaryFolder root;
  CHECK(system_memory(root.path(), {}).bytes == std::numeric_limits<size_t>::max());
}

TEST_CASE("available memory: of this machine") {
  const AvailableMemory memory = available_memory(Device::cpu());
  CHECK(memory.bytes > 0);
  CHECK_FALSE(memory.bound.empty());
  // The kernel's own files are read.
  if (std::filesystem::exists("/proc/meminfo")) CHECK(memory.bytes < size_t(1) << 50);
}

TEST_CASE("available memory: kept blocks go back rather than that a limit is passed") {
  empty_cache();
  const size_t before = memory_stats().in_use;
  { const Storage block(1 << 20, Device::cpu()); }
  if (memory_stats().cached == 0) return;  // a build that keeps none
  keep_memory_below(before + (3 << 20));
  {
    const Storage other(1 << 19, Device::cpu());
    CHECK(memory_stats().cached == 1 << 20);
    const Storage large(2 << 20, Device::cpu());
    CHECK(memory_stats().cached == 0);
  }
  keep_memory_below(std::numeric_limits<size_t>::max());
}
