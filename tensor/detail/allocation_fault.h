// For tests of exhausted memory.
#pragma once

#include <cstdint>

namespace papilio {

// Makes the k-th allocation from now (k = 1: the next), on any device, throw OutOfMemoryError; 0
// turns it off.
void fail_allocation(uint64_t k);

}  // namespace papilio
