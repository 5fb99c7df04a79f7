// Which instructions the CPU's kernels use.
#pragma once

#include <string_view>

namespace papilio::cpu {

// "x86-64-v4" (AVX-512), "x86-64-v3" (AVX2), "x86-64-v2", "x86-64"; "" on other processors. Of a
// binary that travels, the form of the kernels that this processor runs: their sums differ in last
// bits.
std::string_view compiled_for();

}  // namespace papilio::cpu
