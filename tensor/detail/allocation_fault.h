// For tests of exhausted memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace papilio {

// Makes the k-th allocation from now (k = 1: the next), on any device, throw OutOfMemoryError; 0
// turns it off.
void fail_allocation(uint64_t k);
// Makes each allocation of more than so many bytes throw OutOfMemoryError; SIZE_MAX turns it off.
void fail_allocations_above(size_t bytes);

}  // namespace papilio
