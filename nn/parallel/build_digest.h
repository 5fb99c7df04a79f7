// Which program this is.
#pragma once

#include <cstdint>

namespace papilio::nn {

// A number that tells this program and the library in it from others, by the bytes of their files:
// another build may round otherwise.
uint64_t build_digest();

}  // namespace papilio::nn
