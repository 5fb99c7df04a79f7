// Which form of a kernel this processor runs: that for x86-64-v2, v3 or v4, as the psABI has them.
// kernels/levels writes the file that includes it.
#pragma once

#include <cpuid.h>

namespace papilio::cpu {

using Function = void();

// XCR0: which registers the system keeps from one process to the next.
[[gnu::always_inline]] inline unsigned kept_registers() {
  unsigned low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

[[gnu::always_inline]] inline int find_level() {
  constexpr unsigned kFma = 1u << 12, kMovbe = 1u << 22, kOsxsave = 1u << 27, kF16c = 1u << 29,
                     kBmi1 = 1u << 3, kAvx2 = 1u << 5, kBmi2 = 1u << 8, kLzcnt = 1u << 5,
                     kAvx512 =
                         1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31,  // F DQ CD BW VL
      kYmm = 0x06, kZmm = 0xe6;
  constexpr unsigned kOf1 = kFma | kMovbe | kOsxsave | kF16c, kOf7 = kBmi1 | kAvx2 | kBmi2;
  unsigned a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kOf1) != kOf1) return 2;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d) == 0 || (c & kLzcnt) == 0) return 2;
  const unsigned kept = kept_registers();
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & kOf7) != kOf7 || (kept & kYmm) != kYmm)
    return 2;
  return (b & kAvx512) == kAvx512 && (kept & kZmm) == kZmm ? 4 : 3;
}

static int level = 0;  // asking a virtual processor costs microseconds

// Called by the loader, before this library has its addresses: nothing here may need one.
[[gnu::always_inline]] inline Function* of_level(Function* v2, Function* v3, Function* v4) {
  if (level == 0) level = find_level();
  return level == 4 ? v4 : level == 3 ? v3 : v2;
}

}  // namespace papilio::cpu

// The kernel of this linker's name, of which there are three. They are hidden by the assembler: g++
// 12 drops the attribute of a function that is declared only.
#define PAPILIO_PICK(n, name)                                                   \
  asm(".hidden " name ".v2\n.hidden " name ".v3\n.hidden " name ".v4");         \
  extern "C" {                                                                  \
  void kernel_v2_##n() asm(name ".v2");                                         \
  void kernel_v3_##n() asm(name ".v3");                                         \
  void kernel_v4_##n() asm(name ".v4");                                         \
  [[gnu::used]] static papilio::cpu::Function* pick_##n() {                     \
    return papilio::cpu::of_level(kernel_v2_##n, kernel_v3_##n, kernel_v4_##n); \
  }                                                                             \
  void kernel_##n() asm(name) __attribute__((ifunc("pick_" #n)));               \
  }
