// What makes the library's memory and disks fail, for tests of that. Declared here alone: users of
// the library have no use for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace papilio {

// Makes the k-th allocation from now (k = 1: the next), on any device, throw OutOfMemoryError (of
// take_block: std::bad_alloc); 0 turns it off. In tensor/storage.cpp, like the next.
void fail_allocation(uint64_t k);
// Makes each allocation of more than so many bytes throw OutOfMemoryError; SIZE_MAX turns it off.
void fail_allocations_above(size_t bytes);

// Called before each step ("open", "write", "sync", "rename", "sync folder") of every AtomicFile. A
// returned errno makes the step fail with it, 0 lets it happen. An empty function turns it off. In
// tensor/files/atomic_file.cpp.
void set_file_fault(std::function<int(std::string_view step)> fault);

}  // namespace papilio
